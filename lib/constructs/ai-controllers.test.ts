import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { CapacityBucket, KINDS } from '../api';
import { PERMISSIONS } from '../domain/permissions';
import { AiControllers, type AiControllersProps } from './ai-controllers';
import { findControllersBundle, sha256Of } from './controllers-bundle';
import { makeCluster, makeStack, templateOf } from './make-stack';

const KIND = 'Custom::AWSCDK-EKS-KubernetesResource';
let folder: string;
let bundleFile: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'controllers-')));
  bundleFile = join(folder, 'index.js');
  writeFileSync(bundleFile, 'console.log("controllers")');
});
afterAll(() => rmSync(folder, { recursive: true }));

function synth(props: Partial<AiControllersProps> = {}, fill: (ai: AiControllers) => void = () => undefined): Template {
  const stack = makeStack();
  const key = props.bundleKey ? { bundleKey: new kms.Key(stack, 'AssetsKey') } : {};
  const source = { checkScripts: { 'run.sh': '#!/bin/sh' }, ...(props.controllerImage ? {} : { bundleFile }) };
  fill(new AiControllers(stack, 'Ai', { cluster: makeCluster(stack).cluster, ...source, ...props, ...key }));
  return templateOf(stack);
}

/** The text of a manifest: what is a token stays visible as `${…}`. */
function textOf(resource: any): string {
  const manifest = resource.Properties.Manifest;
  if (typeof manifest === 'string') return manifest;
  return manifest['Fn::Join'][1].map((part: unknown) => (typeof part === 'string' ? part : '${…}')).join('');
}

const idsOf = (template: Template, holding: string) =>
  Object.entries(template.findResources(KIND))
    .filter(([, resource]) => textOf(resource).includes(holding))
    .map(([id]) => id);

const bucket = () => CapacityBucket.make('training', { nodes: { max: 4 }, instanceTypes: ['p5.48xlarge'] });

describe('the controllers in a stack', () => {
  it.each(PERMISSIONS)(
    'of process $process may do in AWS exactly what the table says, and read the one object that is their bundle',
    (process) => {
      const policies = Object.values(synth().findResources('AWS::IAM::Policy')).filter((policy) =>
        JSON.stringify(policy['Properties'].Roles).includes(`Ai${process.process}`),
      );
      const statements = policies.flatMap((policy) => policy['Properties'].PolicyDocument.Statement);
      // Evidence is kept nowhere here.
      const cloud = process.controllers.flatMap((one) => one.cloud).filter(({ on }) => on !== 'evidence');
      const declared = cloud.map(({ action }) => action);
      expect(statements.flatMap(({ Action }) => Action).sort()).toEqual([...new Set(declared), 's3:GetObject'].sort());
      const read = statements.find(({ Action }) => Action === 's3:GetObject');
      expect(JSON.stringify(read.Resource)).toMatch(/s3:::.*\/[0-9a-f]{64}\.js"/);
      expect(JSON.stringify(read.Resource)).not.toContain('*');
    },
  );

  it('lets node-health write evidence where it is kept, and tells it where that is and what checks run in', () => {
    const stack = makeStack();
    const bucket = new s3.Bucket(stack, 'Models');
    const checkScripts = { 'run.sh': '#!/bin/sh' };
    const common = { cluster: makeCluster(stack).cluster, bundleFile, checkScripts };
    new AiControllers(stack, 'Ai', { ...common, evidence: { bucket }, checkImage: 'registry.example/pytorch:1' });
    const template = templateOf(stack);
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ Action: 's3:PutObject' })]) },
      Roles: [{ Ref: Match.stringLikeRegexp('Aihealth') }],
    });
    const text = Object.values(template.findResources(KIND)).map(textOf).join();
    expect(text).toContain('"name":"EVIDENCE_BUCKET","value":"${…}"');
    expect(text).toContain('"name":"EVIDENCE_PREFIX","value":"node-health/"');
    expect(text).toContain('"name":"CHECK_IMAGE","value":"registry.example/pytorch:1"');
  });

  it('makes the place where nodes are proved before the process that has a role there', () => {
    const template = synth();
    const resources = template.findResources(KIND);
    const [place] = idsOf(template, '"pod-security.kubernetes.io/enforce":"privileged"');
    const [deployment] = idsOf(template, '"Deployment"');
    expect(place).toBeDefined();
    expect(resources[deployment!]!['DependsOn']).toContain(place);
  });

  it('has only reading actions on every resource, which is what the validators are told', () => {
    const actions = PERMISSIONS.flatMap(({ controllers }) => controllers.flatMap(({ cloud }) => cloud));
    expect(actions.filter(({ action, on }) => on === undefined && !/^ec2:Describe/.test(action))).toEqual([]);
  });

  it('gets its role by Pod Identity under the service account of the Deployment', () => {
    synth().hasResourceProperties('AWS::EKS::PodIdentityAssociation', {
      Namespace: 'aicluster-system',
      ServiceAccount: 'aicluster-capacity',
    });
  });

  it('pins the bundle by the checksum of the file, so that a new bundle is a new rollout', () => {
    const [id] = idsOf(synth(), '"Deployment"');
    const before = textOf(synth().findResources(KIND)[id!]);
    expect(before).toContain(sha256Of(bundleFile));
    const other = join(folder, 'other.js');
    writeFileSync(other, 'console.log("newer")');
    expect(textOf(synth({ bundleFile: other }).findResources(KIND)[id!])).not.toBe(before);
  });

  it('runs a given image without asset, init container or right to read S3', () => {
    const template = synth({ controllerImage: 'registry.example/aicluster:1' });
    const text = Object.values(template.findResources(KIND)).map(textOf).join();
    expect(text).toContain('registry.example/aicluster:1');
    expect(text).not.toContain('fetch-bundle');
    expect(JSON.stringify(template.findResources('AWS::IAM::Policy'))).not.toContain('s3:GetObject');
  });

  it('may decrypt the assets when their bucket has a key', () => {
    const template = synth({ bundleKey: {} as kms.IKey });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: 'kms:Decrypt' })]),
      },
    });
  });

  it('applies CRDs first and keeps them when the stack goes', () => {
    const template = synth();
    const [crds] = idsOf(template, `"${KINDS[0]!.plural}.aicluster.dev"`);
    const resources = template.findResources(KIND);
    expect(resources[crds!]).toMatchObject({ DeletionPolicy: 'Retain' });
    const [deployment] = idsOf(template, '"Deployment"');
    expect(resources[deployment!]!['DependsOn']).toContain(crds);
  });

  it('starts the controllers only when their role is theirs', () => {
    const template = synth();
    const [association] = Object.keys(template.findResources('AWS::EKS::PodIdentityAssociation'));
    const [deployment] = idsOf(template, '"Deployment"');
    expect(template.findResources(KIND)[deployment!]!['DependsOn']).toContain(association);
  });

  it('gives every custom resource a manifest of its own, after the controllers and before the guard of buckets', () => {
    const template = synth({}, (ai) => ai.addObject(bucket()));
    const resources = template.findResources(KIND);
    const [own] = idsOf(template, '"kind":"CapacityBucket","metadata":{"name":"training"');
    expect(JSON.parse(textOf(resources[own!]))).toEqual([expect.objectContaining({ kind: 'CapacityBucket' })]);
    expect(resources[own!]!['DependsOn']).toEqual(expect.arrayContaining(idsOf(template, '"Deployment"')));
    const [guard] = idsOf(template, '"kind":"ValidatingAdmissionPolicy","metadata":{"name":"aicluster-guard-buckets"}');
    expect(resources[guard!]!['DependsOn']).toContain(own);
  });
});

describe('the bundle of this package', () => {
  it('is found from the sources and from dist alike', () => {
    const root = join(folder, 'package');
    mkdirSync(join(root, 'dist', 'controllers'), { recursive: true });
    mkdirSync(join(root, 'dist', 'lib', 'constructs'), { recursive: true });
    mkdirSync(join(root, 'lib', 'constructs'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"name":"eks-ai-cluster"}');
    expect(() => findControllersBundle(join(root, 'lib', 'constructs'))).toThrow(/npm run build.*controllerImage/);
    writeFileSync(join(root, 'dist', 'controllers', 'index.js'), '');
    for (const from of ['lib', 'dist/lib']) {
      expect(findControllersBundle(join(root, from, 'constructs'))).toBe(join(root, 'dist', 'controllers', 'index.js'));
    }
  });

  it('says so when the package is not whole', () => {
    expect(() => findControllersBundle(tmpdir())).toThrow(/No package.json of eks-ai-cluster above/);
  });
});
