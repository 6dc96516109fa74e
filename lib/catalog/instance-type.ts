/** The shape of one row of the catalog of EC2 accelerator types. `null` means that no source we trust gives the number. */

/** Where a row's numbers come from. */
export interface CatalogSource {
  /** The pages and files read. */
  readonly text: string;
  /** When they were read, YYYY-MM-DD. */
  readonly date: string;
}

/** The accelerators of one instance. */
export interface Accelerators {
  readonly kind: 'gpu' | 'neuron';
  readonly manufacturer: 'nvidia' | 'aws';
  /** Lower case, as in the label `eks.amazonaws.com/instance-gpu-name`. */
  readonly model: string;
  readonly count: number;
  /** Memory of one accelerator in GB, as the EC2 documentation writes it. */
  readonly memoryGb: number | null;
  /** Memory of one accelerator in MiB, as the label `eks.amazonaws.com/instance-gpu-memory` writes it. */
  readonly memoryMib: number | null;
  /** NeuronCores of the whole instance. */
  readonly neuronCores: number | null;
  /** The Kubernetes resource pods ask for. */
  readonly resourceName: 'nvidia.com/gpu' | 'aws.amazon.com/neuron';
}

/** Elastic Fabric Adapter of one instance. */
export interface Efa {
  /** EFA interfaces, at most one per network card. */
  readonly count: number;
  /** Whether network card 0 carries one: then it takes a slot that pods could have used. */
  readonly onCard0: boolean;
  /** The network cards that carry EFA, ascending. */
  readonly cards: readonly number[];
}

/** Pods by elastic network interfaces as Karpenter's reference lists them; Auto Mode caps these at 110. */
export interface EniMaxPods {
  readonly withoutEfaOnly: number | null;
  /** With one `efa-only` interface on card 0, where the type has EFA there. */
  readonly withEfaOnly: number | null;
}

/** What a pod may use of a node, as Karpenter's reference lists it for VPC CNI without `efa-only` interfaces. */
export interface ListedAllocatable {
  readonly cpuMillis: number;
  readonly memoryMib: number;
  readonly pods: number;
}

/** Whether EKS Auto Mode runs the type; a type it does not run says why. */
export interface AutoModeSupport {
  readonly support: 'supported' | 'unsupported';
  readonly reason?: string;
}

/** One EC2 accelerator type. */
export interface InstanceType {
  readonly name: string;
  readonly family: string;
  /** The value of the label `kubernetes.io/arch`. */
  readonly architecture: 'amd64' | 'arm64';
  readonly vcpus: number;
  readonly memoryGib: number;
  readonly accelerators: Accelerators;
  readonly networkCards: number;
  /** Elastic network interfaces: on all cards, and on card 0, the only one whose addresses pods use. */
  readonly enis: { readonly total: number; readonly card0: number | null };
  /** IPv4 addresses of one interface, its primary included; a /28 prefix takes one of these places. */
  readonly ipv4PerEni: number;
  readonly efa: Efa;
  readonly eniMaxPods: EniMaxPods;
  readonly nvmeGb: number | null;
  readonly networkGbps: number | null;
  readonly allocatable: ListedAllocatable | null;
  readonly autoMode: AutoModeSupport;
  /** `ultraserver`: only as part of an UltraServer Capacity Block. */
  readonly capacityBlock: 'supported' | 'ultraserver' | 'unsupported';
  /** What is uncertain or odd about the numbers, one sentence each. */
  readonly notes: readonly string[];
  readonly source: CatalogSource;
}
