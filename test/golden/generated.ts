/**
 * Every file that `npm run generate` writes, by path from the repository root. They are checked in; `generated.test.ts` fails on
 * any difference, so a change of schema, catalog or template shows in review as what it does.
 */
import { stringify } from 'yaml';
import { KINDS } from '../../lib/api';
import { renderKindsReference } from '../../lib/api/reference';
import { renderHealthReference } from '../../lib/catalog/health-reference';
import { renderInstanceTypesReference } from '../../lib/catalog/reference';
import { renderMetricsReference } from '../monitoring/metrics';
import { renderInvariantsReference } from '../reference/invariants';
import { renderGoldenCharts } from './charts';
import { goldenTemplates } from './templates';

/** Path → content. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const kind of KINDS) {
    files.set(`test/golden/crds/${kind.plural}.yaml`, stringify(kind.crd(), { lineWidth: 0 }));
  }
  for (const [path, content] of renderGoldenCharts()) files.set(path, content);
  for (const [path, content] of goldenTemplates()) files.set(path, content);
  files.set('docs/reference/kinds.md', renderKindsReference());
  files.set('docs/reference/instance-types.md', renderInstanceTypesReference());
  files.set('docs/reference/health-checks.md', renderHealthReference());
  files.set('docs/reference/metrics.md', renderMetricsReference());
  files.set('docs/reference/invariants.md', renderInvariantsReference());
  return files;
}
