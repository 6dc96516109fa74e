/**
 * Findings of validators that this package accepts, and why. Each is recorded on the construct it concerns, so that a
 * reviewer finds it in the metadata of the app; an app without that validator never notices.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** Accepts one finding on a construct and everything below it. */
export function acknowledge(scope: IConstruct, id: string, reason: string): void {
  Validations.of(scope).acknowledge({ id, reason });
}

/** Accepts AWS managed policies on one role, by name. */
export function acknowledgeManagedPolicies(role: IConstruct, policies: readonly string[], reason: string): void {
  acknowledgeAtSynth(role, reason, () =>
    policies.map((name) => {
      const { managedPolicyArn } = iam.ManagedPolicy.fromAwsManagedPolicyName(name);
      return `AwsSolutions-IAM4[Policy::${textOf(Stack.of(role).resolve(managedPolicyArn))}]`;
    }),
  );
}

/**
 * Accepts resources with a wildcard that only synthesis can name, such as the objects of a bucket in another stack. cdk-nag
 * knows findings by the text of the resource, which is final once references across stacks are.
 */
export function acknowledgeResources(scope: IConstruct, resources: () => readonly string[], reason: string): void {
  acknowledgeAtSynth(scope, reason, () =>
    resources().map((resource) => `AwsSolutions-IAM5[Resource::${textOf(Stack.of(scope).resolve(resource))}]`),
  );
}

/** Findings on the Lambda functions of aws-cdk-lib that run kubectl: their code and roles are not ours to choose. */
export function acknowledgeKubectl(cluster: IConstruct): void {
  const provider = cluster.node.tryFindChild('KubectlProvider');
  const handler = provider?.node.tryFindChild('Handler');
  const framework = provider?.node.tryFindChild('Provider');
  if (!handler || !framework) return;
  const inVpc = ['service-role/AWSLambdaBasicExecutionRole', 'service-role/AWSLambdaVPCAccessExecutionRole'];
  const logsAndVpc = 'aws-cdk-lib gives its kubectl functions what they need to write logs and to run in the VPC';
  acknowledgeManagedPolicies(
    handler,
    [...inVpc, 'AmazonEC2ContainerRegistryReadOnly'],
    `${logsAndVpc}, and to pull charts`,
  );
  acknowledgeManagedPolicies(framework, inVpc, logsAndVpc);
  acknowledge(handler, 'AwsSolutions-L1', 'aws-cdk-lib chooses the newest runtime that all regions have');
  const { role } = handler as IConstruct & { readonly role?: iam.IRole };
  acknowledgeAtSynth(handler, 'aws-cdk-lib lets helm read public charts where the partition has them', () =>
    conditionalPolicies(role).map((policy) => `AwsSolutions-IAM4[Policy::${policy}]`),
  );
  const { functionArn } = handler as IConstruct & { readonly functionArn: string };
  acknowledgeResources(framework, () => [`${functionArn}:*`], 'The framework invokes any version of this one function');
}

function acknowledgeAtSynth(scope: IConstruct, reason: string, ids: () => readonly string[]): void {
  scope.node.addValidation({
    validate: () => {
      ids().forEach((id) => acknowledge(scope, id, reason));
      return [];
    },
  });
}

function conditionalPolicies(role: iam.IRole | undefined): string[] {
  const resource = role?.node.defaultChild as iam.CfnRole | undefined;
  const arns: unknown[] = resource ? Stack.of(resource).resolve(resource.managedPolicyArns) : [];
  return arns
    .filter((arn) => typeof arn === 'object' && arn !== null && 'Fn::If' in arn)
    .map((arn) => JSON.stringify(arn));
}

/** How cdk-nag writes a resolved value into the id of a finding. */
function textOf(value: any): string {
  if (typeof value === 'string') return value;
  if (value['Fn::Join']) return value['Fn::Join'][1].map(textOf).join(value['Fn::Join'][0]);
  if (value['Fn::GetAtt']) return `<${value['Fn::GetAtt'].join('.')}>`;
  if (value['Fn::ImportValue']) return textOf(value['Fn::ImportValue']);
  if (value.Ref) return `<${value.Ref}>`;
  return JSON.stringify(value);
}
