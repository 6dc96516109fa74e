import type { ApiClient } from './api-client';
import type { ControlPlaneOptions } from './control-plane';
import type { BedInstanceType, Offering } from './karpenter';
import type { Program, ProgramSpec } from './program';

/** What a bed consists of. Without options: a Kubernetes 1.36 control plane whose kubelets are played by KWOK. */
export interface BedOptions extends ControlPlaneOptions {
  /** Karpenter with its KWOK provider, static capacity on, and the KWOKNodeClass `default`. @default false */
  readonly karpenter?: boolean;
  /** Instance types that Karpenter can launch. @default p5.48xlarge, p4d.24xlarge, g6e.48xlarge, g5.48xlarge */
  readonly instanceTypes?: readonly BedInstanceType[];
  /** Flags added to kube-controller-manager, e.g. `--controllers=…` to have fewer of them. @default none */
  readonly controllerManagerArgs?: readonly string[];
  /** Volcano's CRDs: Queue, PodGroup, Job, HyperNode, Command. @default false */
  readonly volcanoCrds?: boolean;
  /** Where progress goes, one line a call. @default stderr, only when something has to be built */
  readonly say?: (line: string) => void;
}

/** The output of one kubectl call that ended with 0. */
export type Kubectl = (...args: readonly string[]) => Promise<string>;

/** How an API server comes back. */
export interface RestartOptions {
  /** How long it stays dead, in milliseconds. @default 0 */
  readonly downForMs?: number;
  /**
   * Leave controller-manager, scheduler, KWOK and Karpenter alone. They come back by themselves, but after several restarts
   * their watches back off for minutes. @default false: they are restarted too, as when a whole control plane is replaced
   */
  readonly keepFollowers?: boolean;
}

/** One line of the API server's audit log, the parts that tests read. */
export interface AuditLine {
  readonly verb: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly requestReceivedTimestamp: string;
}

/** A running proof bed. Call `stop()` when done; a bed whose process dies is cleared away all the same. */
export interface Bed {
  /** Kubeconfig of the admin, the way into the bed for any client. */
  readonly kubeconfigPath: string;
  /** `https://127.0.0.1:<port>`; it stays the same when the API server is restarted. */
  readonly serverUrl: string;
  /** The authority (PEM) that vouches for the API server. */
  readonly authority: string;
  /** Folder of the bed: logs, kubeconfigs, data. Gone after `stop()` unless PROOF_BED_KEEP is set. */
  readonly folder: string;
  /** Folder of kubectl and the Kubernetes servers. */
  readonly programs: string;
  /** Sends one request as admin (or with another `token`) and returns the parsed answer; refusals throw ApiError. */
  readonly api: ApiClient;
  /** Runs the real kubectl as admin; a failing call throws with what it said. */
  readonly kubectl: Kubectl;
  /** Applies objects as kubectl would, server-side, in the order given; field manager `proof-bed`. */
  apply(...objects: readonly object[]): Promise<void>;
  /** What service accounts have asked the API server so far, oldest first. */
  auditLog(): AuditLine[];
  /** A fresh token of a service account that exists. @default 1 h; the API server gives no less than 10 min */
  tokenFor(
    namespace: string,
    serviceAccount: string,
    options?: { readonly expirationSeconds?: number },
  ): Promise<string>;
  /** Writes a kubeconfig with such a token and returns its path. */
  kubeconfigFor(
    namespace: string,
    serviceAccount: string,
    options?: { readonly expirationSeconds?: number },
  ): Promise<string>;
  /** Kills the API server (SIGKILL) and starts it on the same port and data; see RestartOptions. */
  restartApiServer(options?: RestartOptions): Promise<void>;
  /** Kills the API server with SIGKILL. */
  killApiServer(): Promise<void>;
  /** Starts the API server after `killApiServer`; returns when it is ready. */
  startApiServer(options?: Pick<RestartOptions, 'keepFollowers'>): Promise<void>;
  /** Kills Karpenter with SIGKILL and starts it again; returns when it is ready. */
  restartKarpenter(): Promise<void>;
  /** From now on Karpenter gets no instances of these kinds (insufficient capacity); without arguments all are to be had. */
  exhaust(...offerings: readonly Offering[]): void;
  /**
   * Runs one more program, logged like the others; it dies with the bed at the latest. One of its arguments must name a file
   * in the bed's folder: by that the bed knows its own after a crash.
   */
  run(spec: ProgramSpec): Program;
  /** The log so far of `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, `kwok` or `karpenter`. */
  logs(name: string): string;
  /** The last lines of every log, for the message of a failing test. */
  tails(lines?: number): string;
  /** Stops everything and returns when the last process is gone. May be called twice. */
  stop(): Promise<void>;
}
