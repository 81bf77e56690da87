/** Where one function may run, and by what it is decided. Secrets are in files, which are named here. */
export interface PlacementSettings {
  readonly policy: PlacementPolicy
  /** Of the machine that hosts the function: where a `local` backend is. Undefined: nobody said. */
  readonly homeRegion: string | undefined
  /** Regions that data may be in: names, or beginnings of names with `*` at the end. Undefined: any. */
  readonly residency: readonly string[] | undefined
  /** Of events for any backend but the local one. */
  readonly encryption: PayloadEncryption | undefined
  /** Which backends may only be sent what is encrypted. Default `never`. */
  readonly requireEncryption: EncryptionRule
  /** In the order of `failover`; names differ. */
  readonly backends: readonly BackendSettings[]
}

/** `leaving-region`: those in another region than {@link PlacementSettings.homeRegion}. */
export type EncryptionRule = 'never' | 'leaving-region' | 'always'

export type PlacementPolicy =
  /** Each its share. */
  | { readonly kind: 'weighted' }
  /** The first that can be used. */
  | { readonly kind: 'failover' }
  | CostPolicy

/** The least of: cost × USD per million calls + latency × p95 / SLO + errors × share of calls that failed. */
export interface CostPolicy {
  readonly kind: 'cost'
  readonly weights: { readonly cost: number; readonly latency: number; readonly errors: number }
  readonly latencySloMs: number
  /** Share of calls that go to another than the best, so that it is known what those are like: 0–0.05. */
  readonly exploration: number
  /** Another has to be better by this share of the score (0–1), */
  readonly switchMargin: number
  /** and for so long. */
  readonly switchAfterMs: number
}

/**
 * What a provider charges. Example, by the list prices of AWS Lambda for x86 in us-east-1: 0.2 USD per million calls,
 * 0.0000166667 USD per GB-s, in steps of 1 ms, 0.09 USD per GB that leaves. Prices change: they are configuration.
 */
export interface BackendPrice {
  readonly perMillionCalls: number
  readonly perGbSecond: number
  readonly perVcpuSecond: number
  readonly vcpus: number
  readonly memoryMib: number
  /** What is begun is paid. */
  readonly granularityMs: number
  readonly egressPerGb: number
}

interface CommonSettings {
  readonly name: string
  /** For `weighted`; 0 keeps it out of every policy. */
  readonly weight: number
  /** Undefined: it costs nothing. */
  readonly price: BackendPrice | undefined
}

interface RemoteSettings extends CommonSettings {
  /** Undefined is nowhere, as far as residency goes. */
  readonly region: string | undefined
  /** Where the caller sets no deadline, and at most. */
  readonly timeoutMs: number
  /** Streams are bounded by 20 MiB, answers that are not by 6,291,556 bytes. Encrypted ones can't be streamed. */
  readonly responseMode: 'buffered' | 'streaming'
  /** Default false: `http:` goes to this machine alone. */
  readonly allowPlainHttp: boolean
}

/** Instances on this machine. */
export interface LocalSettings extends CommonSettings {
  readonly kind: 'local'
}

export interface AwsLambdaSettings extends RemoteSettings {
  readonly kind: 'aws-lambda'
  readonly region: string
  /** Name or ARN, without a qualifier. */
  readonly functionName: string
  readonly qualifier: string | undefined
  readonly endpoint: string | undefined
  /** Of a function that streams: the API does not tell. */
  readonly streamContentType: string | undefined
}

export interface CloudRunSettings extends RemoteSettings {
  readonly kind: 'cloud-run'
  readonly url: string
  /** Default: the origin of `url`. */
  readonly audience: string | undefined
  /** The caller's `Authorization` goes on to the function. */
  readonly passAuthorization: boolean
}

export interface AzureFunctionSettings extends RemoteSettings {
  readonly kind: 'azure-function'
  readonly url: string
  readonly keyFile: string | undefined
}

export interface HttpSettings extends RemoteSettings {
  readonly kind: 'http'
  readonly url: string
  readonly tokenFile: string | undefined
}

export type RemoteBackendSettings =
  | AwsLambdaSettings
  | CloudRunSettings
  | AzureFunctionSettings
  | HttpSettings

export type BackendSettings = LocalSettings | RemoteBackendSettings

export interface PayloadEncryption {
  /** 32 bytes, raw or as base64. */
  readonly keyFile: string
  /** Goes along as `kid`, so that a handler can tell keys apart. */
  readonly keyId: string
  /** Answers in plain are refused. */
  readonly required: boolean
}
