/** The CustomResourceDefinitions of our Kinds. */
import type { Construct } from 'constructs';
import { KINDS } from '../api';
import { PlainChart } from './plain-chart';

/** Every CRD of `aicluster.dev`. Apply it first and never prune it: deleting a CRD deletes every object of its Kind. */
export class CrdsChart extends PlainChart {
  constructor(scope: Construct, id: string) {
    super(
      scope,
      id,
      KINDS.map((kind) => kind.crd()),
    );
  }
}
