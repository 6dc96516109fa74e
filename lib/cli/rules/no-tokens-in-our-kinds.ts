import { GROUP } from '../../domain/node-keys';
import type { Rule } from './rule';

/** Objects of our Kinds hold no value that only CloudFormation knows: the schema could not have checked it. */
export const noTokensInOurKinds: Rule = {
  name: 'no-tokens-in-our-kinds',
  severity: 'error',
  states: 'objects of our Kinds hold no CloudFormation token',
  check: ({ objects }) =>
    objects
      .filter(({ object }) => object.apiVersion.startsWith(`${GROUP}/`))
      .filter(({ object }) => /"token-|\$\{Token/.test(JSON.stringify(object)))
      .map(({ object }) => ({
        object: `${object.kind}/${object.metadata.name}`,
        message: 'holds a value that only CloudFormation knows, so nothing could check it: pass a literal',
      })),
};
