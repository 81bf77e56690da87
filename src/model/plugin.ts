/** Which exchanges of a sidecar a plugin sees: calls of the mesh to its application, its application's calls, or both. */
export const pluginDirections = ['inbound', 'outbound', 'both'] as const

/** What becomes of an exchange in which a plugin failed: it is answered with `plugin_failed`, or goes on without. */
export const pluginFailureModes = ['fail', 'continue'] as const

/** A plugin of a sidecar, as its bootstrap says it. */
export interface PluginSettings {
  /** Of an ES module, JavaScript or TypeScript of which Node can strip the types. Relative: to the working directory. */
  readonly path: string
  /** For logs and metrics; unique in the sidecar. Default: the file's name without its ending. */
  readonly name?: string
  /** Handed to the plugin as it is. Default `{}`. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Default `both`. */
  readonly direction?: (typeof pluginDirections)[number]
  /** Default `fail`. */
  readonly onError?: (typeof pluginFailureModes)[number]
  /** For the promise of one `onRequest`. Default 100. */
  readonly timeoutMs?: number
}
