/**
 * EvidencePort on S3: one object of JSON lines, written with one signed PUT.
 *
 * Signed by the parts that the EC2 client brings along anyway: the S3 client would add 150 kB to a bundle of which this needs one verb.
 * The bucket encrypts with its own key and refuses everything but TLS; the answer's ETag is not looked at, because S3 checks the SHA-256
 * that is part of the signature.
 */
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import { Invalid } from '../errors';
import type { EvidencePort } from '../ports';
import { toCloudError } from './cloud-error';

/** S3 takes keys of 1,024 bytes at most; ours are names of objects, dates and slashes. */
const KEY = /^[a-z0-9][-a-zA-Z0-9._/=]{0,1023}$/;
/** Evidence of a whole batch is some hundred kB; more than this is a mistake, not evidence. */
const LARGEST_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 20_000;

/** What the bucket is reached with. */
export interface EvidenceBucket {
  readonly bucket: string;
  /** @default `AWS_REGION` */
  readonly region?: string;
  /** @default the SDK's chain, Pod Identity included */
  readonly credentials?: ConstructorParameters<typeof SignatureV4>[0]['credentials'];
  /** `http://127.0.0.1:5000`: another S3, with the bucket in the path. @default `AWS_ENDPOINT_URL_S3`, or S3 of the region */
  readonly endpoint?: string;
}

/** Evidence as the Deployment says: `EVIDENCE_BUCKET`, under `EVIDENCE_PREFIX`; undefined where it names none. */
export function evidenceStore({
  EVIDENCE_BUCKET: bucket,
  EVIDENCE_PREFIX: prefix = '',
}: NodeJS.ProcessEnv): EvidencePort | undefined {
  if (!bucket) return undefined;
  const store = s3Evidence({ bucket });
  return { write: (key, lines) => store.write(`${prefix}${key}`, lines) };
}

/** Evidence in a bucket. */
export function s3Evidence(options: EvidenceBucket): EvidencePort {
  const region = options.region ?? process.env['AWS_REGION'] ?? 'us-east-1';
  const endpoint = options.endpoint ?? process.env['AWS_ENDPOINT_URL_S3'];
  const credentials = options.credentials ?? defaultProvider();
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials,
    sha256: Hash.bind(null, 'sha256'),
    uriEscapePath: false,
  });
  return {
    write: async (key, lines) => {
      if (!KEY.test(key) || key.includes('//') || key.includes('..'))
        throw new Invalid(`no key for evidence: ${key}`, 400);
      const body = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      if (body.length > LARGEST_BYTES) throw new Invalid(`evidence ${key}: ${body.length} bytes are too many`, 400);
      const url = urlOf(options.bucket, key, region, endpoint);
      const signed = await signer.sign({ ...requestOf(url), body }).catch((error: unknown) => {
        throw toCloudError('PutObject', error);
      });
      await send(url, signed.headers, body);
    },
  };
}

function urlOf(bucket: string, key: string, region: string, endpoint: string | undefined): URL {
  const path = key.split('/').map(encodeURIComponent).join('/');
  if (endpoint) return new URL(`${endpoint.replace(/\/$/, '')}/${bucket}/${path}`);
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return new URL(`https://${bucket}.s3.${region}.${domain}/${path}`);
}

function requestOf(url: URL) {
  const { protocol, hostname, port, pathname: path } = url;
  const headers = { host: url.host, 'content-type': 'application/x-ndjson' };
  return { method: 'PUT', protocol, hostname, ...(port ? { port: Number(port) } : {}), path, headers };
}

/** Written under one key and whole, so an answer that never came is simply written again: no write of evidence is ambiguous. */
async function send(url: URL, headers: Readonly<Record<string, string>>, body: Buffer): Promise<void> {
  const { host: _, ...rest } = headers;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const failed = (error: unknown): never => {
    throw toCloudError('PutObject', error);
  };
  const request = { method: 'PUT', headers: rest, body: new Uint8Array(body), signal };
  const answer = await fetch(url, request).catch(failed);
  const text = await answer.text().catch(failed);
  if (answer.ok) return;
  const [name, message] = ['Code', 'Message'].map((tag) => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1]);
  const $response = { headers: Object.fromEntries(answer.headers) };
  const said = { name: name ?? `Http${answer.status}`, message: message ?? answer.statusText };
  throw toCloudError('PutObject', { ...said, $metadata: { httpStatusCode: answer.status }, $response });
}
