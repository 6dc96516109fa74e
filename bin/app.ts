/** The CDK app: synthesizes the reference blueprint. `-c name=value` overrides its sample values; see blueprints/ai-cluster.ts. */
import { App } from 'aws-cdk-lib';
import { aiClusterBlueprint } from '../blueprints/ai-cluster';

const app = new App();
aiClusterBlueprint(app);
app.synth();
