/**
 * What pods may use of a node, before there is one to look at: Karpenter's formula, which reproduces its own reference
 * for every type listed there. Auto Mode publishes no formula, so on a live cluster the Node's own numbers win.
 */
import type { InstanceType } from './instance-type';

/** Share of memory the hypervisor takes (Karpenter's default `vmMemoryOverheadPercent`). */
const VM_OVERHEAD = 0.075;
/** MiB that Arm instances keep for contiguous allocations, before the share above. */
const ARM_CMA_MIB = 64;
/** kubelet's memory reserve in MiB: a base, and so much for every pod the node may hold. */
const RESERVED_BASE_MIB = 255;
const RESERVED_PER_POD_MIB = 11;
/** kubelet's hard eviction threshold in MiB. */
const EVICTION_MIB = 100;

/** The name under which the EFA device plugin offers interfaces. */
export const EFA_RESOURCE = 'vpc.amazonaws.com/efa';

/** Allocatable resources of a node that may hold this many pods, as quantities in the shape of `Node.status.allocatable`. */
export function estimateAllocatable(type: InstanceType, pods: number): Readonly<Record<string, string>> {
  return {
    cpu: `${allocatableCpuMillis(type)}m`,
    memory: `${allocatableMemoryMib(type, pods)}Mi`,
    pods: `${pods}`,
    [type.accelerators.resourceName]: `${type.accelerators.count}`,
    ...(type.efa.count > 0 ? { [EFA_RESOURCE]: `${type.efa.count}` } : {}),
  };
}

/** CPU in millicores after kubelet's reserve: 6 % of the first core, 1 % of the second, 0.5 % of two more, 0.25 % of the rest. */
export function allocatableCpuMillis(type: InstanceType): number {
  const reserved = 60 + cores(type, 1, 2) * 10 + cores(type, 2, 4) * 5 + cores(type, 4, Infinity) * 2.5;
  return Math.floor(type.vcpus * 1000 - reserved);
}

/** Memory in MiB after the hypervisor, kubelet's reserve for this many pods, and the eviction threshold. */
export function allocatableMemoryMib(type: InstanceType, pods: number): number {
  const installed = type.memoryGib * 1024 - (type.architecture === 'arm64' ? ARM_CMA_MIB : 0);
  return Math.floor(installed * (1 - VM_OVERHEAD) - RESERVED_BASE_MIB - RESERVED_PER_POD_MIB * pods - EVICTION_MIB);
}

/** How many of the type's cores lie in [from, to). */
function cores(type: InstanceType, from: number, to: number): number {
  return Math.max(0, Math.min(type.vcpus, to) - from);
}
