// grpc.health.v1.Health/Check (grpc/proto/grpc/health/v1/health.proto), whose two messages have one field each.
import { ExchangeError } from '../../base/errors.ts'
import {
  formatGrpcTimeout,
  grpcContentType,
  grpcStatusOf,
  grpcTimeoutHeader,
} from '../../http/grpc.ts'
import { HeaderList } from '../../http/headers.ts'
import type { ApplicationProbe, SocketAddress } from '../../model/bootstrap.ts'
import { askApplication } from './ask-application.ts'
import type { Verdict } from './verdict.ts'

const maxBodyBytes = 1024
const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']
const serving = 1
/** Length of what stands before a message: compressed or not, and its length. */
const prefixBytes = 5
const unimplemented = 12

/** Asks without TLS, as the kubelet does. @throws ExchangeError when there is no answer of gRPC. */
export async function checkGrpcHealth(
  { service = '', timeoutMs }: ApplicationProbe,
  target: { readonly address: SocketAddress; readonly signal: AbortSignal },
): Promise<Verdict> {
  const answer = await askApplication({
    ...target,
    wire: 'h2',
    method: 'POST',
    path: '/grpc.health.v1.Health/Check',
    headers: HeaderList.of({
      'content-type': grpcContentType,
      'user-agent': 'kube-probe/weft',
      [grpcTimeoutHeader]: formatGrpcTimeout(timeoutMs),
    }),
    body: encodeRequest(service),
    timeoutMs,
    maxBodyBytes,
  })
  const status = grpcStatusOf(answer.trailers) ?? grpcStatusOf(answer.headers)
  if (status === unimplemented)
    return { healthy: false, reason: 'the server has no service grpc.health.v1.Health' }
  if (status !== 0)
    return { healthy: false, reason: `it answered ${describe(status, answer.status)}` }
  const found = decodeStatus(answer.body)
  return { healthy: found === serving, reason: `it is ${servingStatuses[found] ?? found}` }
}

function describe(grpcStatus: number | undefined, httpStatus: number): string {
  return grpcStatus === undefined
    ? `HTTP ${httpStatus} without grpc-status`
    : `grpc-status ${grpcStatus}`
}

/** HealthCheckRequest { string service = 1 }, empty where it is the default. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service)
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name])
  const prefix = Buffer.alloc(prefixBytes)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

/** HealthCheckResponse { ServingStatus status = 1 }: one varint, absent where it is 0. */
function decodeStatus(body: Buffer): number {
  const message = body.subarray(prefixBytes)
  if (body.length < prefixBytes || body[0] !== 0 || body.readUInt32BE(1) !== message.length)
    throw new ExchangeError('upstream_protocol', 'what it answered is no single message of gRPC')
  if (message.length === 0) return 0
  const [key, status = 0x80] = message
  if (key !== 0x08 || status >= 0x80)
    throw new ExchangeError('upstream_protocol', 'what it answered is no HealthCheckResponse')
  return status
}
