import * as path from 'node:path';

/** Kubernetes version of the proof bed's control plane. */
export const KUBERNETES_VERSION = '1.36.2';

/** One group of files that is found or built together, from one pinned Go module in `go/<name>`. */
export interface Part {
  readonly name: PartName;
  /** Version of the upstream software, without a leading `v`. */
  readonly version: string;
  /** Raise when build-part.ts changes what it makes, so that cached results of the old way are left behind. */
  readonly recipe: number;
  /** Programs the part gives. */
  readonly programs: readonly string[];
  /** Roughly how long a cold build takes on two cores, for the progress line. */
  readonly buildTime: string;
  /** What to compile: Go package and linker flags. */
  readonly compile: { readonly packages: readonly string[]; readonly ldflags: string };
  /** What to copy from Go modules: file or folder inside the module → place inside the part's folder. */
  readonly copy: readonly { readonly module: string; readonly from: string; readonly to: string }[];
  /** Go packages of which `controller-gen` writes the CRDs into `crds/`. */
  readonly generateCrds: readonly string[];
}

/** The parts by name. */
export type PartName = 'kubernetes' | 'etcd' | 'kwok' | 'karpenter' | 'volcano';

/** Folder with the pinned Go modules. */
export const GO_FOLDER = path.join(__dirname, 'go');

const KUBERNETES_PROGRAMS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'];
const VERSION_PACKAGE = 'k8s.io/component-base/version';
const STAGES = 'kustomize/stage';

/** Everything the bed is made of. Versions here and in `go/<name>/go.mod` move together; a test compares them. */
export const PARTS: Readonly<Record<PartName, Part>> = {
  kubernetes: {
    name: 'kubernetes',
    version: KUBERNETES_VERSION,
    recipe: 1,
    programs: KUBERNETES_PROGRAMS,
    buildTime: '4 to 8 min',
    compile: {
      packages: KUBERNETES_PROGRAMS.map((program) => `k8s.io/kubernetes/cmd/${program}`),
      ldflags: `-X ${VERSION_PACKAGE}.gitVersion=v${KUBERNETES_VERSION} -X ${VERSION_PACKAGE}.gitMajor=1 -X ${VERSION_PACKAGE}.gitMinor=36`,
    },
    copy: [],
    generateCrds: [],
  },
  etcd: {
    name: 'etcd',
    version: '3.6.8',
    recipe: 1,
    programs: ['etcd'],
    buildTime: '20 to 60 s',
    // The module's main package is called v3 on disk; buildProgram renames it.
    compile: { packages: ['go.etcd.io/etcd/server/v3'], ldflags: '' },
    copy: [],
    generateCrds: [],
  },
  kwok: {
    name: 'kwok',
    version: '0.8.0',
    recipe: 1,
    programs: ['kwok'],
    buildTime: '1 to 2 min',
    compile: { packages: ['sigs.k8s.io/kwok/cmd/kwok'], ldflags: '' },
    copy: [
      'node/heartbeat-with-lease/node-heartbeat-with-lease.yaml',
      'pod/fast/pod-ready.yaml',
      'pod/fast/pod-delete.yaml',
    ].map((file) => ({ module: 'sigs.k8s.io/kwok', from: `${STAGES}/${file}`, to: `stages/${path.basename(file)}` })),
    generateCrds: [],
  },
  karpenter: {
    name: 'karpenter',
    version: '1.14.1',
    recipe: 1,
    programs: ['karpenter'],
    buildTime: '1 to 4 min',
    // main.go beside its go.mod.
    compile: { packages: ['.'], ldflags: '' },
    copy: [
      { module: 'sigs.k8s.io/karpenter', from: 'pkg/apis/crds', to: 'crds' },
      { module: 'sigs.k8s.io/karpenter', from: 'kwok/apis/crds', to: 'crds' },
    ],
    generateCrds: [],
  },
  volcano: {
    name: 'volcano',
    version: '1.13.0',
    recipe: 1,
    programs: [],
    buildTime: '30 s',
    compile: { packages: [], ldflags: '' },
    copy: [],
    generateCrds: ['scheduling/v1beta1', 'batch/v1alpha1', 'topology/v1alpha1', 'bus/v1alpha1'].map(
      (group) => `volcano.sh/apis/pkg/apis/${group}`,
    ),
  },
};
