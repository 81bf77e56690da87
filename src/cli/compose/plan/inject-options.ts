export type ServiceMode = 'dns' | 'transparent'

export interface InjectOptions {
  readonly mode: ServiceMode | 'auto'
  /** Of Weft. */
  readonly image: string
  /** Of the Docker Engine, on the host; may be a variable of compose. */
  readonly socket: string
  /** Names; undefined: all. */
  readonly services?: readonly string[]
}
