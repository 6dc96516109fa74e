/** Findings of validators that this package accepts, and why. Each is recorded next to the construct it concerns. */
import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Accepts AWS managed policies on one role, by name. */
export function acknowledgeManagedPolicies(role: IConstruct, policies: readonly string[], reason: string): void {
  for (const policy of policies) {
    acknowledge(role, `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`, reason);
  }
}

/** Accepts one finding on a construct and everything below it. */
export function acknowledge(scope: IConstruct, id: string, reason: string): void {
  Validations.of(scope).acknowledge({ id, reason });
}

/** Findings on the kubectl provider of aws-cdk-lib. */
export function acknowledgeKubectl(_cluster: IConstruct): void {}
