import type { Rule } from './rule';

/** kubectl keeps the last applied manifest in an annotation, which the API server cuts at 262,144 bytes. */
const MANIFEST_LIMIT_BYTES = 200_000;

/** Every manifest stays under 200 kB, so that `kubectl apply` can note it in its annotation. */
export const manifestsAreSmall: Rule = {
  name: 'manifests-are-small',
  severity: 'error',
  states: 'every manifest stays under 200 kB',
  check: ({ objects }) =>
    objects
      .map((entry) => ({ ...entry, bytes: Buffer.byteLength(JSON.stringify(entry.object)) }))
      .filter(({ bytes }) => bytes > MANIFEST_LIMIT_BYTES)
      .map(({ object, bytes }) => ({
        object: `${object.kind}/${object.metadata.name}`,
        message: `is ${bytes} bytes, above ${MANIFEST_LIMIT_BYTES}: kubectl apply could not note it in its annotation; split it`,
      })),
};
