/** What `import … from 'eks-ai-cluster'` gives: the constructs. Kinds, catalog and charts have entrances of their own. */
export * from './constructs';
