/** For tests: an API server small enough to look through, and the caches of one process, each behind it by as much as it likes. */
import { formatTime, type KubeObject } from '../../domain/kube';

/** A change, as a watch would bring it. */
interface Change {
  readonly kind: string;
  readonly key: string;
  /** undefined: deleted. */
  readonly object: KubeObject | undefined;
  readonly version: number;
}

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`;

/** Kind → key → object. */
type Objects = Map<string, Map<string, KubeObject>>;

function ofKind(objects: Objects, kind: string): Map<string, KubeObject> {
  const known = objects.get(kind) ?? new Map<string, KubeObject>();
  objects.set(kind, known);
  return known;
}

/** Objects by kind of work, namespace and name. Answers are `undefined` where a server would say 404 or 409. */
export class WorkStore {
  private readonly objects: Objects = new Map();
  private readonly changes: Change[] = [];
  private uids = 0;

  constructor(private readonly now: () => number) {}

  get(kind: string, namespace: string, name: string): KubeObject | undefined {
    return ofKind(this.objects, kind).get(keyOf(namespace, name));
  }

  all(kind: string): readonly KubeObject[] {
    return [...ofKind(this.objects, kind).values()];
  }

  /** Now, as servers write it. */
  get time(): string {
    return formatTime(this.now());
  }

  /** undefined: it is there already. */
  create(kind: string, object: KubeObject): KubeObject | undefined {
    const { namespace = '', name } = object.metadata;
    if (this.get(kind, namespace, name)) return undefined;
    const metadata = { ...object.metadata, uid: `uid-${++this.uids}`, creationTimestamp: this.time };
    return this.put(kind, { ...object, metadata });
  }

  /** Replaces what is there; with `resourceVersion` only that version of it. undefined: it is another, or gone. */
  update(kind: string, object: KubeObject, resourceVersion?: string): KubeObject | undefined {
    const { namespace = '', name } = object.metadata;
    const live = this.get(kind, namespace, name);
    if (!live || (resourceVersion !== undefined && live.metadata.resourceVersion !== resourceVersion)) return undefined;
    return this.put(kind, object);
  }

  delete(kind: string, namespace: string, name: string): void {
    const key = keyOf(namespace, name);
    if (ofKind(this.objects, kind).delete(key))
      this.changes.push({ kind, key, object: undefined, version: this.changes.length + 1 });
  }

  /** Caches of a process that has just begun: everything is listed. */
  caches(): WorkCaches {
    return new WorkCaches(new Map([...this.objects].map(([kind, known]) => [kind, new Map(known)])), this.changes);
  }

  private put(kind: string, object: KubeObject): KubeObject {
    const version = this.changes.length + 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    const { namespace = '', name } = object.metadata;
    const key = keyOf(namespace, name);
    ofKind(this.objects, kind).set(key, stored);
    this.changes.push({ kind, key, object: stored, version });
    return stored;
  }
}

/** What one process has heard of. */
export class WorkCaches {
  private readonly from: number;
  /** Kind → how many changes of all kinds it has looked through. */
  private readonly heard = new Map<string, number>();

  constructor(
    private readonly objects: Objects,
    private readonly changes: readonly Change[],
  ) {
    this.from = changes.length;
  }

  list(kind: string): readonly KubeObject[] {
    const found = [...ofKind(this.objects, kind)];
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** Hears all changes of this kind. */
  hear(kind: string): void {
    for (let at = this.heard.get(kind) ?? this.from; at < this.changes.length; at++) {
      const change = this.changes[at]!;
      if (change.kind === kind) this.take(change);
    }
    this.heard.set(kind, this.changes.length);
  }

  /** Our own write, before the watch brings it. */
  assume(kind: string, object: KubeObject): void {
    const { namespace = '', name } = object.metadata;
    this.take({ kind, key: keyOf(namespace, name), object, version: Number(object.metadata.resourceVersion) });
  }

  private take({ kind, key, object, version }: Change): void {
    const known = ofKind(this.objects, kind);
    if (Number(known.get(key)?.metadata.resourceVersion ?? 0) > version) return;
    if (object) known.set(key, object);
    else known.delete(key);
  }
}
