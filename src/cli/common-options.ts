import { Option } from 'commander'
import { parseHttpUrl } from './option-values.ts'

/** Takes the exit code of a command. */
export type Finish = (exitCode: number) => void

/** Where `weft up` keeps its state. */
export const defaultState = '.weft'

/** Where the control plane keeps its own. */
export const controlState = `${defaultState}/control`

const defaultControlPlane = 'http://127.0.0.1:15014'

export function controlPlaneOption(): Option {
  return new Option('--control-plane <url>', 'admin address')
    .argParser(parseHttpUrl)
    .default(new URL(defaultControlPlane), defaultControlPlane)
}
