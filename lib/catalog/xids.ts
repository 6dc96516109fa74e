/**
 * What an NVIDIA XID means to a node: one class per number, and what each source says, because the sources disagree.
 *
 * Our class is what node-health acts on. Where sources differ the row says so and `docs/decisions` says why (XID 63: 0012).
 */
import type { XidRow, XidSays } from './xid-row';
import { XID_ROWS } from './xid-rows';

/** One XID as the catalog knows it. */
export interface Xid extends Omit<XidRow, 'codes'> {
  readonly code: number;
}

/** The sources of the table, by the names its columns have. */
export const XID_SOURCES: Readonly<Record<keyof XidSays, { readonly title: string; readonly text: string }>> = {
  nvidia: {
    title: 'NVIDIA',
    text:
      'NVIDIA Xid catalog, resolution bucket for the immediate action (docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, ' +
      'as gpud has it in components/accelerator/nvidia/xid/catalog_generated.go of 2025-10-29; read 2026-11-26)',
  },
  awsSample: {
    title: 'AWS sample',
    text:
      'awslabs/awsome-distributed-ai 4.validation_and_observability/2.gpu-cluster-healthcheck/README.md, after pull request 1190 ' +
      '(2026-07-15); read 2026-11-26',
  },
  eks: {
    title: 'EKS',
    text:
      'eks-node-monitoring-agent v1.7.0 monitors/nvidia/dcgm/dcgm_policies.go (which XIDs set AcceleratedHardwareReady to False) and the ' +
      'EKS user guide, node-health-nma.md (Replace or Reboot; on Auto Mode both replace); read 2026-11-26',
  },
};

/** XID 154 carries what another XID needs: its text decides, not its number. */
const RECOVERY_ACTION = 154;

/**
 * The XID of this number, as the driver's line tells it where the number alone does not. One that the table does not have is counted and looked
 * at, never acted on.
 */
export function findXid(code: number, line = ''): Xid {
  const row = BY_CODE.get(code);
  if (!row) return { ...UNKNOWN, code };
  const { codes: _, ...rest } = row;
  return code === RECOVERY_ACTION ? { ...rest, code, ...recoveryOf(line) } : { ...rest, code };
}

const BY_CODE: ReadonlyMap<number, XidRow> = new Map(XID_ROWS.flatMap((row) => row.codes.map((code) => [code, row])));

const UNKNOWN: Omit<Xid, 'code'> = {
  name: 'Unknown',
  class: 'Monitor',
  severity: 'Warning',
  sentence: 'Not in the catalog, or unused by the driver: count it and look at the GPU.',
  says: {},
};

function recoveryOf(line: string): Partial<Pick<Xid, 'class' | 'severity'>> {
  // `GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)`: what it changed to is last.
  const action = /\(([^()]{1,64})\)[^()]*$/.exec(line.slice(-512))?.[1] ?? '';
  if (/node reboot required/i.test(action)) return { class: 'Reboot', severity: 'Critical' };
  if (/reset required|drain/i.test(action)) return { class: 'Reset', severity: 'Critical' };
  return {};
}
