import type { Snapshot } from '../model/snapshot.ts'

/**
 * The push protocol: one JSON object a line, UTF-8, over one mTLS stream per sidecar.
 * The sidecar opens with `hello` (or `sign` while it has no certificate) and answers each `push` with exactly
 * one `ack` or `nack` that repeats its nonce; an answer to an older nonce is ignored.
 */
export type SidecarMessage =
  | SignRequest
  | Hello
  | Register
  | { readonly type: 'ready'; readonly ready: boolean }
  | { readonly type: 'subscribe'; readonly services: Subscribed }
  | Ack
  | Nack
  /** Take me out of every other sidecar's endpoints; answered by `left` when all have acked that, or in time. */
  | { readonly type: 'leave' }
  | { readonly type: 'pong' }
  | Activate
  | FunctionLoad

export type ControlMessage =
  | Signed
  | Push
  | Registered
  | Activation
  | { readonly type: 'left'; readonly acked: boolean }
  /** Sent when nothing else was for a while; a side that hears nothing for three of them is alone. */
  | { readonly type: 'ping' }
  /** The request can't be served; the stream closes when `fatal`. */
  | { readonly type: 'refused'; readonly reason: string; readonly fatal: boolean }

/** Names of services (`orders.default`), or all. */
export type Subscribed = '*' | readonly string[]

export interface Problem {
  /** Where: `clusters.orders.default:80.endpoints[2].port`. */
  readonly path: string
  readonly message: string
}

/** Asks for a certificate: with a join token on a stream without client certificate, or with the old certificate. */
export interface SignRequest {
  readonly type: 'sign'
  /** SPKI, DER, base64. The only thing the CA takes from the request. */
  readonly publicKey: string
  /** Signature by that key over this stream's keying material: proof of possession. ECDSA, SHA-256, base64. */
  readonly proof: string
  readonly token?: string
}

export interface Signed {
  readonly type: 'signed'
  /** PEM, leaf first. */
  readonly chain: string
  /** PEM, all roots to believe from now on. */
  readonly bundle: string
}

export interface Hello {
  readonly type: 'hello'
  readonly protocol: 1
  readonly workload: { readonly namespace: string; readonly name: string }
  readonly services: Subscribed
  /** Version it runs on now, from memory or disk. */
  readonly version?: string
  /** Of the sidecar's software, for `weft status`. */
  readonly build: string
}

export interface Register {
  readonly type: 'register'
  readonly address: string
  readonly ports: readonly number[]
  readonly meshPort: number
  readonly zone?: string
  readonly ready: boolean
}

/** A whole snapshot, or what changed against `base`, which the sidecar has acked. */
export interface Push {
  readonly type: 'push'
  readonly nonce: number
  readonly version: string
  readonly content:
    | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
    | { readonly kind: 'delta'; readonly base: string; readonly changes: readonly Change[] }
}

export interface Ack {
  readonly type: 'ack'
  readonly nonce: number
  readonly version: string
}

export interface Nack {
  readonly type: 'nack'
  readonly nonce: number
  readonly version: string
  readonly problems: readonly Problem[]
  /** Present when the push could not be understood: send the whole snapshot. Else it was refused as it is. */
  readonly wants?: 'snapshot'
}

/** One resource put, or removed when `value` is absent. */
export interface Change {
  readonly kind: 'services' | 'clusters' | 'endpoints' | 'inbound' | 'outbound'
  /** Its key in the snapshot; `inbound` and `outbound` have the empty name. */
  readonly name: string
  readonly value?: unknown
}

/** What a control plane may do beyond the first version of the protocol. One that does not say it is sent none of it. */
export type Feature = 'activation'

export interface Registered {
  readonly type: 'registered'
  readonly leaseMs: number
  /** Unknown ones are ignored. Default: none. */
  readonly features?: readonly string[]
}

/**
 * Requests wait for a function that runs nowhere: have it started. Said for the first of them, each second while some
 * wait, and on each new stream; answered by {@link Activation}s.
 */
export interface Activate {
  readonly type: 'activate'
  /** `<name>.<namespace>`. */
  readonly function: string
  /** Requests, in this sidecar. */
  readonly waiting: number
}

/**
 * What a host has to do, on average since it last said so: at once after idleness, then at most once a second while it
 * changes.
 */
export interface FunctionLoad {
  readonly type: 'load'
  readonly function: string
  /** Invocations under way, and those that wait; need not be whole numbers. */
  readonly active: number
  readonly queued: number
  /** Instances that can take invocations. */
  readonly ready: number
}

/** What becomes of a function that a sidecar wanted started. Endpoints come by a push, as always. */
export interface Activation {
  readonly type: 'activation'
  readonly function: string
  readonly state: 'starting' | 'refused'
  /** For people. */
  readonly reason?: string
  /** How long its starts take. Absent: none has been seen yet. */
  readonly coldMs?: number
}
