import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProxyBootstrap } from '../../model/bootstrap.ts'
import { qualify } from '../../model/qualified-name.ts'
import { CommandError } from '../command-error.ts'

/** Which sidecar hosts a function. */
export interface HostOptions {
  readonly namespace: string
  /** Where `weft up` keeps its state. */
  readonly stateDirectory: string
  /** Admin address of the sidecar, where `weft up` has not started it. */
  readonly admin?: URL
}

/** @throws CommandError when that can't be told. */
export async function adminOf(
  name: string,
  { namespace, stateDirectory, admin: given }: HostOptions,
): Promise<URL> {
  if (given !== undefined) return given
  const path = join(stateDirectory, 'workloads', qualify({ name, namespace }), 'bootstrap.json')
  try {
    const { admin } = JSON.parse(await readFile(path, 'utf8')) as ProxyBootstrap
    return new URL(`http://${admin.host}:${admin.port}`)
  } catch {
    throw new CommandError(
      `weft up has started no function ${name} from here: name the admin address of its sidecar with --admin`,
    )
  }
}
