/** Every rule that needs no cluster, in the order they are reported. */
import { bucketsHavePools } from './buckets-have-pools';
import { INVARIANT_RULES } from './invariants';
import { manifestsAreSmall } from './manifests-are-small';
import { minimumsFit } from './minimums-fit';
import { noTokensInOurKinds } from './no-tokens-in-our-kinds';
import { nodeClassesExist } from './node-classes-exist';
import { objectsAreValid } from './objects-are-valid';
import type { Rule } from './rule';
import { templatesHaveRoom } from './templates-have-room';

export type { Finding, Rule, Severity } from './rule';

/** A new rule is a file and a line here. */
export const RULES: readonly Rule[] = [
  objectsAreValid,
  noTokensInOurKinds,
  bucketsHavePools,
  minimumsFit,
  nodeClassesExist,
  manifestsAreSmall,
  templatesHaveRoom,
  ...INVARIANT_RULES,
];
