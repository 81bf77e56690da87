// What plugins are written against: the package exports it as `weft/plugin`. A change that breaks a plugin is a new version.

/** The version of this interface. */
export const pluginApiVersion = 'weft.dev/plugin/v1'

/** What the file of a plugin exports. */
export interface PluginModule<Config = Readonly<Record<string, unknown>>> {
  readonly apiVersion: typeof pluginApiVersion
  /**
   * Called once for each thread of a sidecar, before it takes traffic. `config` is what the sidecar's settings say; what
   * is thrown here keeps the sidecar from starting. At most 10 s.
   */
  create(config: Config): Plugin | Promise<Plugin>
}

/**
 * Hooks around each exchange, in the order of the settings; `onResponse` and `onComplete` in reverse, for the plugins
 * whose `onRequest` was reached. Bodies are not seen. A synchronous call holds up all traffic of its thread, and cannot be
 * interrupted: one of more than 10 ms is counted and logged.
 */
export interface Plugin {
  /** A promise is waited for, within the plugin's timeout (100 ms), while the caller's body is held back. */
  onRequest?(request: PluginRequest, context: PluginRequestContext): void | Promise<void>
  /** Before the head of the answer goes to the caller, also of an answer of Weft's own. Synchronous. */
  onResponse?(response: PluginResponse, context: PluginContext): void
  /** Once, however the exchange ended. Synchronous. */
  onComplete?(summary: PluginSummary, context: PluginContext): void
}

export interface PluginRequest {
  readonly method: string
  /** host[:port], in lower case. */
  readonly authority: string
  /** With its query; empty for CONNECT and raw TCP. */
  readonly path: string
  readonly headers: PluginHeaders
}

export interface PluginResponse {
  readonly status: number
  /** The `x-weft-reason` of an answer that this sidecar made itself. */
  readonly reason: string | undefined
  readonly headers: PluginHeaders
}

export interface PluginSummary {
  /** As the caller saw it; 0 when there was none. */
  readonly status: number
  readonly reason: string | undefined
  readonly durationMs: number
  readonly requestBytes: number
  readonly responseBytes: number
}

/**
 * End-to-end fields; names in any case. Those of the sidecars (`x-weft-*`, `x-forwarded-client-cert`) and of the framing
 * can be read and not changed.
 */
export interface PluginHeaders {
  /** The first value. */
  get(name: string): string | undefined
  getAll(name: string): string[]
  has(name: string): boolean
  /** Each of these throws a TypeError for a name or a value that no header may have, or after the hook has ended. */
  set(name: string, value: string): void
  append(name: string, value: string): void
  delete(name: string): void
  /** In the order of the wire, names in lower case. */
  entries(): [name: string, value: string][]
}

export interface PluginContext {
  readonly direction: 'inbound' | 'outbound'
  /** SPIFFE ID that the caller has proved; undefined for the application's own calls and for plain text. */
  readonly peerIdentity: string | undefined
  readonly remoteAddress: string
  /** Of this exchange, for all its plugins: at most 32 entries, keys of 128 and values of 1024 characters. */
  readonly metadata: PluginMetadata
}

export interface PluginRequestContext extends PluginContext {
  /** Aborted when nobody waits for the promise any more: the caller went, or the time is up. */
  readonly signal: AbortSignal
  /**
   * Answers in the place of whoever was called; the last word of a hook counts. Reason `plugin_answered`.
   * @param status 200 to 599.
   * @param body at most 64 KiB.
   */
  respond(
    status: number,
    headers?: Readonly<Record<string, string>>,
    body?: string | Uint8Array,
  ): void
}

export interface PluginMetadata {
  get(key: string): string | undefined
  /** Throws a RangeError beyond the bounds. */
  set(key: string, value: string): void
}
