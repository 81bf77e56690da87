/** How events that nobody waits for are run. Defaults are those of AWS Lambda. */
export interface AsynchronousPolicy {
  /** After the function has failed. Default 2. */
  readonly retries: number
  /** Before the first retry, doubled for each further. Default 60000. */
  readonly backoffMs: number
  /** Events that are older are given up. Default six hours. */
  readonly maxAgeMs: number
  /** Events that run at once. Default 10. */
  readonly concurrency: number
  /** Events that wait; more are refused. Default 100,000. */
  readonly maxEvents: number
  /** Of the payloads of those that wait. Default 256 MiB. */
  readonly maxBytes: number
  /** Who is told of events that were given up: `function:<name>`, or a URL. Absent: nobody, they are dropped. */
  readonly onFailure?: string
  readonly onSuccess?: string
}

/** Begins a destination that is a function. */
export const functionDestination = 'function:'

/** A function that is called by the clock. */
export interface ScheduleSpec {
  /** Unlike any other of the same function. */
  readonly name: string
  /** Of 5 fields, or 6 with seconds first. */
  readonly cron: string
  /** Default UTC. */
  readonly timeZone?: string
  /** JSON, the event's data. */
  readonly data?: unknown
  /**
   * Of runs that the machine slept through, or that a jump of the clock left out: `once` emits the last of them,
   * late; `skip` none. Default `skip`.
   */
  readonly missed?: 'skip' | 'once'
}

/** A folder whose files are events, each for one call of the function. */
export interface EventDirectorySpec {
  /** Unlike any other of the same function. */
  readonly name: string
  /** Made when it is missing at the start. */
  readonly directory: string
  /** Files whose events are in the queue are removed, or moved to `.done` in the folder. Default `remove`. */
  readonly after?: 'remove' | 'keep'
  /** A file is taken when it has not changed for so long. Default 100 ms. */
  readonly settleMs?: number
  /** The folder is read again after so long, whatever its watch says. Default 5 s. */
  readonly rescanMs?: number
}

/** Where events wait that several machines share. Absent: on the disk of the function's sidecar. */
export interface NatsQueue {
  /** `host:port`, one or more of a cluster. */
  readonly servers: readonly string[]
  readonly credentials?: NatsCredentials
  /** Present: the connection is TLS; `caFile` holds who signs the servers' certificates. */
  readonly tls?: { readonly caFile?: string }
  /** Of JetStream, shared by all functions of the mesh. */
  readonly stream: string
}

/** How a server of NATS is to know us. Secrets stand in files alone, read at each connection: they may change. */
export type NatsCredentials =
  | { readonly kind: 'password'; readonly user: string; readonly passwordFile: string }
  | { readonly kind: 'token'; readonly tokenFile: string }
  /** As `nsc generate creds` writes it. */
  | { readonly kind: 'creds'; readonly credsFile: string }
