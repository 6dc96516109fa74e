/** What happens to a cluster when a zone is impaired: ARC zonal shift by hand, and autoshift by AWS where asked for. */
import { Token } from 'aws-cdk-lib';
import * as arc from 'aws-cdk-lib/aws-arczonalshift';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import { Construct } from 'constructs';
import type { IAutoModeCluster } from './auto-mode-cluster';

/** `Mon:09:00-Mon:17:00`, in UTC, within one day. */
const WINDOW =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun):([01]\d|2[0-3]):[0-5]\d-(Mon|Tue|Wed|Thu|Fri|Sat|Sun):([01]\d|2[0-3]):[0-5]\d$/;
/** Most blocked windows, and most blocked dates, that ARC takes. */
const MOST_BLOCKED = 15;

/** When AWS may shift the cluster out of a zone by itself. */
export interface ZonalAutoshiftOptions {
  /**
   * Whether AWS may shift traffic and pods out of an impaired zone by itself. ARC then also practises every week for
   * about 30 minutes, which cordons the nodes of one zone: all GPUs, when they are in one zone.
   * @default false
   */
  readonly autoshift?: boolean;
  /**
   * Alarm that says whether the workloads are well; a practice run during which it is in ALARM has failed.
   * Required with `autoshift`.
   * @default - none
   */
  readonly outcomeAlarm?: cloudwatch.IAlarm;
  /**
   * Alarm that is in ALARM while practice must not happen, such as while a training run is on.
   * @default - none
   */
  readonly blockingAlarm?: cloudwatch.IAlarm;
  /**
   * Hours in which practice must not happen: `Mon:09:00-Mon:17:00`, in UTC, each within one day, 15 at most.
   * @default - none
   */
  readonly blockedWindows?: string[];
  /**
   * Days on which practice must not happen: `2026-12-24`, 15 at most.
   * @default - none
   */
  readonly blockedDates?: string[];
  /**
   * Zones of Capacity Blocks and reservations, whose nodes cannot move to another zone.
   * @default - none
   */
  readonly reservedZones?: string[];
}

/** Props of `ZonalResilience`. */
export interface ZonalResilienceProps extends ZonalAutoshiftOptions {
  /** The cluster. Made with `AutoModeCluster`, it is registered for zonal shift unless told otherwise. */
  readonly cluster: IAutoModeCluster;
}

/** Zonal shift is on with the cluster; this adds autoshift, guarded so that practice never meets a training run unasked. */
export class ZonalResilience extends Construct {
  constructor(scope: Construct, id: string, props: ZonalResilienceProps) {
    super(scope, id);
    this.requireZonalShift(props);
    if (!props.autoshift) {
      this.refuseIdleProps(props);
      return;
    }
    this.requireGuards(props);
    new arc.CfnZonalAutoshiftConfiguration(this, 'Resource', {
      resourceIdentifier: props.cluster.cluster.clusterArn,
      zonalAutoshiftStatus: 'ENABLED',
      practiceRunConfiguration: {
        outcomeAlarms: [toAlarm(props.outcomeAlarm!)],
        blockingAlarms: props.blockingAlarm && [toAlarm(props.blockingAlarm)],
        blockedWindows: props.blockedWindows,
        blockedDates: props.blockedDates,
      },
    });
  }

  private requireZonalShift({ cluster, autoshift }: ZonalResilienceProps): void {
    const resource = cluster.cluster.node.defaultChild;
    if (!autoshift || !eks.CfnCluster.isCfnCluster(resource)) return;
    const config = resource.zonalShiftConfig as eks.CfnCluster.ZonalShiftConfigProperty | undefined;
    if (config?.enabled) return;
    throw new Error(
      `Autoshift of '${this.node.path}' needs a cluster registered for zonal shift: leave zonalShift of the cluster on.`,
    );
  }

  /** A window given without autoshift reads like protection and is none. */
  private refuseIdleProps(props: ZonalResilienceProps): void {
    const idle = (['outcomeAlarm', 'blockingAlarm', 'blockedWindows', 'blockedDates'] as const).filter(
      (key) => props[key],
    );
    if (idle.length === 0) return;
    throw new Error(
      `'${this.node.path}' has ${idle.join(', ')} but no autoshift, without which there is no practice to block: set ` +
        `autoshift: true or leave them out.`,
    );
  }

  private requireGuards(props: ZonalResilienceProps): void {
    const { path } = this.node;
    if (!props.outcomeAlarm) {
      throw new Error(`Autoshift of '${path}' needs outcomeAlarm: an alarm that says whether the workloads are well.`);
    }
    const zones = [...new Set(props.reservedZones ?? [])];
    const unguarded = !props.blockingAlarm && !props.blockedWindows?.length;
    if (zones.length > 0 && unguarded) {
      throw new Error(
        `Autoshift of '${path}' would practise in ${zones.join(', ')}, where reserved nodes are and nowhere else: every week ` +
          `30 minutes without new pods on them. Set blockingAlarm (in ALARM while training runs) or blockedWindows.`,
      );
    }
    requireBlocked(path, props);
  }
}

function requireBlocked(path: string, props: ZonalResilienceProps): void {
  props.blockedWindows?.forEach((window) => requireWindow(path, window));
  for (const key of ['blockedWindows', 'blockedDates'] as const) {
    const count = props[key]?.length ?? 0;
    if (count > MOST_BLOCKED) throw new Error(`${key} of '${path}' has ${count} entries: ARC takes ${MOST_BLOCKED}.`);
  }
}

function requireWindow(path: string, window: string): void {
  if (Token.isUnresolved(window)) return;
  const match = WINDOW.exec(window);
  if (match && match[1] === match[3] && window.slice(4, 9) < window.slice(14)) return;
  throw new Error(
    `'${window}' in blockedWindows of '${path}' is not a window: write for example Mon:09:00-Mon:17:00, in UTC and within ` +
      `one day.`,
  );
}

function toAlarm(alarm: cloudwatch.IAlarm): arc.CfnZonalAutoshiftConfiguration.ControlConditionProperty {
  return { type: 'CLOUDWATCH', alarmIdentifier: alarm.alarmArn };
}
