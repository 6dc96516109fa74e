/** The table of XIDs: rows of numbers that mean the same, and what each source says of them, in its own word. */
import { LINK_XIDS, MEMORY_XIDS } from './xid-hardware-rows';
import type { XidRow } from './xid-row';

const RESTART = { class: 'Application', severity: 'Info' } as const;
const APPLICATION_XIDS: readonly XidRow[] = [
  {
    ...RESTART,
    codes: [13, 31],
    name: 'Graphics engine exception, memory page fault',
    sentence: 'The program read or wrote where it must not; the job fails, the GPU is well.',
    says: { nvidia: 'RESTART_APP', awsSample: 'MONITOR (application)' },
  },
  {
    ...RESTART,
    codes: [8, 11, 25, 32, 69, 80],
    name: 'Invalid or stopped channel',
    sentence: 'The program or its libraries sent the GPU what it cannot run; the job fails, the GPU is well.',
    says: { nvidia: 'RESTART_APP' },
  },
  {
    ...RESTART,
    codes: [39, 40, 41, 70, 71, 72, 75, 76, 77, 85, 127, 128, 129, 130, 131, 132, 133, 134, 135],
    name: 'Copy engine exception',
    sentence: 'A copy of the job failed; restart the job and look at it when it comes again.',
    says: { nvidia: 'RESTART_APP' },
  },
  {
    ...RESTART,
    codes: [126],
    name: 'Copy engine exception',
    sentence: 'A copy of the job failed; restart the job and look at it when it comes again.',
    says: { nvidia: 'RESTART_APP', awsSample: 'MONITOR (application)' },
  },
  {
    ...RESTART,
    codes: [60, 68, 82, 83, 84, 86, 88, 89, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 139],
    name: 'Video, image or optical flow engine exception',
    sentence: 'An engine that training does not use failed a request; restart the job.',
    says: { nvidia: 'RESTART_APP' },
  },
  {
    ...RESTART,
    codes: [45],
    name: 'Preemptive cleanup',
    sentence: 'The driver clears away a job that ended; it follows another XID or a killed process.',
    says: { nvidia: 'WORKFLOW_XID_45 (not alone: ignore)' },
  },
  {
    class: 'Ignore',
    severity: 'Info',
    codes: [43],
    name: 'GPU stopped processing',
    sentence: 'A channel of one program was reset; other programs go on.',
    says: { nvidia: 'IGNORE', awsSample: 'MONITOR (ignore)' },
  },
];

const RESET = { class: 'Reset', severity: 'Critical' } as const;
const FIRMWARE_XIDS: readonly XidRow[] = [
  {
    ...RESET,
    codes: [46],
    name: 'GPU stopped processing',
    sentence: 'The GPU timed out and takes no more work.',
    says: { nvidia: 'RESET_GPU', eks: 'fatal, Reboot' },
  },
  {
    ...RESET,
    codes: [62],
    name: 'Internal micro-controller halt',
    sentence: 'Firmware on the GPU stopped.',
    says: { nvidia: 'RESET_GPU', eks: 'fatal, Reboot' },
  },
  {
    ...RESET,
    codes: [109, 110],
    name: 'Context switch time-out, security fault',
    sentence: 'The GPU could not change between programs; it may be a driver fault, and it works again after a reset.',
    says: { nvidia: 'RESET_GPU', awsSample: 'RESET', eks: 'fatal, Reboot' },
  },
  {
    ...RESET,
    codes: [119, 120],
    name: 'GSP time-out or error',
    sentence: 'The processor that runs the GPU stopped answering; NVIDIA asks to look at software first.',
    says: { nvidia: 'RESET_GPU', awsSample: 'RESET', eks: 'fatal, Replace' },
  },
  {
    ...RESET,
    codes: [143, 158],
    name: 'Initialization error, fatal time-out',
    sentence: 'The GPU did not start, or stopped for good until it is reset.',
    says: { nvidia: 'RESET_GPU', awsSample: 'RESET', eks: 'fatal, Reboot' },
  },
  {
    codes: [151],
    name: 'Key rotation error',
    class: 'Reboot',
    severity: 'Critical',
    sentence: 'Confidential computing lost its keys; the machine must start anew.',
    says: { nvidia: 'RESTART_VM', awsSample: 'REBOOT', eks: 'fatal, Replace' },
  },
  {
    codes: [142],
    name: 'NVENC3 error',
    class: 'Replace',
    severity: 'Critical',
    sentence: 'A video encoder failed for good; NVIDIA knows no recovery.',
    says: { nvidia: 'CONTACT_SUPPORT', eks: 'fatal, Replace' },
  },
  {
    codes: [54],
    name: 'Auxiliary power not connected',
    class: 'Replace',
    severity: 'Critical',
    sentence: 'The GPU board lacks power: a hand in the data centre is needed.',
    says: { nvidia: 'CHECK_MECHANICALS', awsSample: 'ISOLATE', eks: 'fatal, Reboot' },
  },
];

const MONITOR = { class: 'Monitor', severity: 'Info' } as const;
const OTHER_XIDS: readonly XidRow[] = [
  {
    ...MONITOR,
    codes: [154],
    name: 'GPU recovery action changed',
    sentence: 'The driver says what the GPU needs next: its text decides, not its number.',
    says: { nvidia: 'XID_154', awsSample: 'MONITOR, or what its text asks for' },
  },
  {
    ...MONITOR,
    codes: [37, 38, 44, 66, 67, 141, 152, 153],
    name: 'Driver or firmware note',
    sentence: 'The driver noticed something of its own and went on.',
    says: { nvidia: 'IGNORE' },
  },
  {
    ...MONITOR,
    codes: [93],
    name: 'InfoROM wear limit',
    sentence: 'The memory that keeps the GPU’s records is written too often; not fatal.',
    says: { nvidia: 'IGNORE' },
  },
  {
    ...MONITOR,
    codes: [162, 163, 164, 165],
    name: 'Power smoothing',
    sentence: 'The circuit that smooths power engaged, disengaged or wears out; performance checks see its effects.',
    says: { awsSample: 'MONITOR (165: ISOLATE in strict mode)' },
  },
  {
    ...MONITOR,
    codes: [81, 125],
    name: 'Unused by current drivers',
    sentence: 'Current drivers do not use it; when it is seen, a person should look.',
    says: { nvidia: 'CONTACT_SUPPORT', awsSample: 'MONITOR' },
  },
  {
    class: 'Ignore',
    severity: 'Info',
    codes: [14, 106, 107, 108],
    name: 'Test message or unused',
    sentence: 'A test of the management bus, or a number no driver uses.',
    says: { nvidia: 'IGNORE' },
  },
];

/** Every XID the catalog classes, by theme. */
export const XID_ROWS: readonly XidRow[] = [
  ...APPLICATION_XIDS,
  ...MEMORY_XIDS,
  ...LINK_XIDS,
  ...FIRMWARE_XIDS,
  ...OTHER_XIDS,
];
