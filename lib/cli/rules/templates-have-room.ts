import type { Rule } from './rule';

/** CloudFormation's limits: 1 MB of template and 500 resources (AWS CloudFormation quotas). Warn at 80 %. */
const LIMITS = { bytes: 1_000_000, resources: 500 };
const SHARE = 0.8;

/** Every template stays under 80 % of CloudFormation's limits. */
export const templatesHaveRoom: Rule = {
  name: 'templates-have-room',
  severity: 'warning',
  states: "every template stays under 80 % of CloudFormation's limits",
  check: ({ templates }) =>
    templates.flatMap(({ stack, template, bytes }) => {
      const used = { bytes, resources: Object.keys(template.Resources ?? {}).length };
      return (['bytes', 'resources'] as const)
        .filter((what) => used[what] > LIMITS[what] * SHARE)
        .map((what) => ({
          object: stack,
          message: `has ${used[what]} of ${LIMITS[what]} ${what}: split the stack before it cannot be deployed`,
        }));
    }),
};
