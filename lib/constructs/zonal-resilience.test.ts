import { Match } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { makeCluster, makeStack, templateOf } from './make-stack';
import { ZonalResilience, type ZonalResilienceProps } from './zonal-resilience';

const resilience = (props: Partial<ZonalResilienceProps> = {}, zonalShift = true) => {
  const stack = makeStack();
  new ZonalResilience(stack, 'Zones', { cluster: makeCluster(stack, { zonalShift }), ...props });
  return templateOf(stack);
};
const alarm = (name: string) => {
  const arn = `arn:aws:cloudwatch:us-east-2:111122223333:alarm:${name}`;
  return cloudwatch.Alarm.fromAlarmArn(makeStack(), name, arn);
};
const outcomeAlarm = alarm('Outcome');

describe('ZonalResilience', () => {
  it('does nothing by itself: the cluster is registered for zonal shift already', () => {
    resilience().resourceCountIs('AWS::ARCZonalShift::ZonalAutoshiftConfiguration', 0);
  });

  it('turns autoshift on for the ARN of the cluster, with alarms and windows', () => {
    const template = resilience({
      autoshift: true,
      outcomeAlarm,
      blockingAlarm: alarm('Training'),
      blockedWindows: ['Mon:09:00-Mon:17:00'],
      reservedZones: ['us-east-2a'],
    });
    template.hasResourceProperties('AWS::ARCZonalShift::ZonalAutoshiftConfiguration', {
      ResourceIdentifier: { 'Fn::GetAtt': [Match.stringLikeRegexp('Cluster'), 'Arn'] },
      ZonalAutoshiftStatus: 'ENABLED',
      PracticeRunConfiguration: {
        OutcomeAlarms: [{ Type: 'CLOUDWATCH', AlarmIdentifier: Match.stringLikeRegexp('Outcome') }],
        BlockingAlarms: [{ Type: 'CLOUDWATCH', AlarmIdentifier: Match.stringLikeRegexp('Training') }],
        BlockedWindows: ['Mon:09:00-Mon:17:00'],
      },
    });
  });

  it.each<[string, Partial<ZonalResilienceProps>, string]>([
    ['autoshift without an outcome alarm', { autoshift: true }, 'needs outcomeAlarm'],
    [
      'practice in the zone of a Capacity Block that nothing blocks',
      { autoshift: true, outcomeAlarm, reservedZones: ['us-east-2a'] },
      "Autoshift of 'Test/Zones' would practise in us-east-2a, where reserved nodes are and nowhere else",
    ],
    [
      'a window over midnight',
      { autoshift: true, outcomeAlarm, blockedWindows: ['Mon:22:00-Tue:06:00'] },
      "'Mon:22:00-Tue:06:00' in blockedWindows of 'Test/Zones' is not a window",
    ],
    [
      'more dates than ARC takes',
      { autoshift: true, outcomeAlarm, blockedDates: Array(16).fill('2026-12-24') },
      "blockedDates of 'Test/Zones' has 16 entries: ARC takes 15.",
    ],
    ['a window that would block nothing', { blockedWindows: ['Mon:09:00-Mon:17:00'] }, 'but no autoshift'],
  ])('refuses %s', (_, props, message) => {
    expect(() => resilience(props)).toThrow(message);
  });

  it('refuses autoshift on a cluster that is not registered', () => {
    expect(() => resilience({ autoshift: true, outcomeAlarm }, false)).toThrow('leave zonalShift of the cluster on');
  });
});
