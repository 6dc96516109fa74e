/** Reads the Kubernetes objects back out of a synthesized cloud assembly: what `cdk deploy` would apply, in the order it would. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../domain/kube';
import { UsageError } from './output';

/** A Kubernetes object and where in the assembly it stands. */
export interface AssemblyObject {
  readonly object: KubeObject;
  readonly stack: string;
  readonly logicalId: string;
}

/** What an assembly holds for Kubernetes. */
export interface AssemblyManifests {
  /** Stacks in deployment order, objects within a stack after what they depend on. */
  readonly objects: readonly AssemblyObject[];
  readonly templates: readonly { readonly stack: string; readonly template: Template; readonly bytes: number }[];
}

/** A CloudFormation template, the parts we read. */
export interface Template {
  readonly Resources?: Readonly<Record<string, TemplateResource>>;
}
interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, any>>;
  readonly DependsOn?: string | readonly string[];
}

/** The custom resource behind the CDK's KubernetesManifest. */
const MANIFEST_TYPE = 'Custom::AWSCDK-EKS-KubernetesResource';

/** Reads an assembly. Throws when the folder holds none, or a manifest in it is not JSON. */
export function readAssembly(folder: string): AssemblyManifests {
  const manifestPath = join(folder, 'manifest.json');
  if (!existsSync(manifestPath)) {
    throw new UsageError(
      `'${folder}' holds no cloud assembly (no manifest.json): run cdk synth first, or name its output folder`,
    );
  }
  const templates = stacksInOrder(JSON.parse(readFileSync(manifestPath, 'utf8'))).map(({ stack, templateFile }) => {
    const text = readFileSync(join(folder, templateFile), 'utf8');
    return { stack, template: JSON.parse(text) as Template, bytes: Buffer.byteLength(text) };
  });
  const objects = templates.flatMap(({ stack, template }) => objectsOf(stack, template.Resources ?? {}));
  return { objects, templates };
}

interface Artifact {
  readonly type: string;
  readonly dependencies?: readonly string[];
  readonly properties?: { readonly templateFile?: string };
}

function stacksInOrder(manifest: {
  readonly artifacts?: Readonly<Record<string, Artifact>>;
}): { stack: string; templateFile: string }[] {
  const artifacts = manifest.artifacts ?? {};
  const stacks = Object.keys(artifacts).filter((id) => artifacts[id]!.type === 'aws:cloudformation:stack');
  return inOrder(stacks, (id) => artifacts[id]!.dependencies ?? []).map((stack) => ({
    stack,
    templateFile: artifacts[stack]!.properties?.templateFile ?? `${stack}.template.json`,
  }));
}

function objectsOf(stack: string, resources: Readonly<Record<string, TemplateResource>>): AssemblyObject[] {
  const dependsOn = (id: string) => [resources[id]?.DependsOn ?? []].flat();
  return inOrder(Object.keys(resources), dependsOn)
    .filter((id) => resources[id]!.Type === MANIFEST_TYPE)
    .flatMap((logicalId) => {
      const text = resolveTokens(resources[logicalId]!.Properties?.['Manifest']);
      const objects = JSON.parse(text) as KubeObject[];
      return objects.map((object) => ({ object, stack, logicalId }));
    });
}

/** Names in an order where each comes after what it depends on; otherwise as given. */
function inOrder(names: readonly string[], dependenciesOf: (name: string) => readonly string[]): string[] {
  const known = new Set(names);
  const done = new Set<string>();
  const visit = (name: string): void => {
    if (done.has(name) || !known.has(name)) return;
    done.add(name);
    dependenciesOf(name).forEach(visit);
    order.push(name);
  };
  const order: string[] = [];
  names.forEach(visit);
  return order;
}

/** A template value as text; what only CloudFormation knows becomes a placeholder that names it: `token-ClusterName`. */
export function resolveTokens(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object') return String(value);
  const [intrinsic, argument] = Object.entries(value)[0] ?? [];
  if (intrinsic === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map(resolveTokens).join(separator);
  }
  const name = [argument].flat(3).map((part) => (typeof part === 'object' ? resolveTokens(part) : String(part)));
  return `token-${name.join('-').replace(/[^A-Za-z0-9-]/g, '-')}`;
}
