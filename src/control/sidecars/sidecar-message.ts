import * as z from 'zod'
import { ProtocolError } from '../../discovery/line-decoder.ts'
import type { SidecarMessage } from '../../discovery/message.ts'

/** Longest line taken from a sidecar: a subscription to {@link maxServices} services. */
export const maxSidecarLineBytes = 256 * 1024

/** Longest line taken from whoever has no certificate yet: a request for one. */
export const maxStrangerLineBytes = 8 * 1024

const maxServices = 2000
const maxPorts = 64
/** Of a Kubernetes service account the token has some 1200 characters, more where names and the issuer are long. */
const maxTokenLength = 4096
/** Of one nack: what a person reads, not all that could be wrong. */
const maxProblems = 100

const name = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/)
/** `<name>.<namespace>`. */
const functionName = z.string().regex(/^[a-z0-9-]{1,63}\.[a-z0-9-]{1,63}$/)
/** Of requests or instances; an average of them may be a fraction. */
const amount = z.number().min(0).max(1_000_000)
const version = z.string().max(128)
const nonce = z.int().min(0)
const port = z.int().min(1).max(65_535)
const base64 = z.base64().max(1024)
const services = z.union([z.literal('*'), z.array(z.string().max(253)).max(maxServices)])
const problem = z.object({ path: z.string().max(1024), message: z.string().max(4096) })

const sidecarMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('sign'),
    publicKey: base64,
    proof: base64,
    token: z.string().max(maxTokenLength).exactOptional(),
  }),
  z.object({
    type: z.literal('hello'),
    protocol: z.literal(1),
    workload: z.object({ namespace: name, name }),
    services,
    version: version.exactOptional(),
    build: z.string().max(128),
  }),
  z.object({
    type: z.literal('register'),
    // A host name or an address: it goes into other sidecars' endpoints.
    address: z.string().regex(/^[A-Za-z0-9.:_-]{1,253}$/),
    ports: z.array(port).max(maxPorts),
    meshPort: port,
    zone: name.exactOptional(),
    ready: z.boolean(),
  }),
  z.object({ type: z.literal('ready'), ready: z.boolean() }),
  z.object({ type: z.literal('subscribe'), services }),
  z.object({ type: z.literal('ack'), nonce, version }),
  z.object({
    type: z.literal('nack'),
    nonce,
    version,
    problems: z.array(problem).transform(problems => problems.slice(0, maxProblems)),
    wants: z.literal('snapshot').exactOptional(),
  }),
  z.object({ type: z.literal('leave') }),
  z.object({ type: z.literal('pong') }),
  z.object({ type: z.literal('activate'), function: functionName, waiting: amount }),
  z.object({
    type: z.literal('load'),
    function: functionName,
    active: amount,
    queued: amount,
    ready: amount,
  }),
])

/** @throws ProtocolError that says what is wrong with it. */
export function readSidecarMessage(value: unknown): SidecarMessage {
  const result = sidecarMessage.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new ProtocolError(
    `a malformed message: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown'}`,
  )
}
