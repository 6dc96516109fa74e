/**
 * The one thing we take from client-node. An ES module of its own, because client-node is one: loaded by `import()` from CommonJS, and
 * bundled without the typed API, which would add 2 MB.
 */
export { KubeConfig } from '@kubernetes/client-node';
