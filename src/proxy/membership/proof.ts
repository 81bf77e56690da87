import { readFile } from 'node:fs/promises'
import type { ProxyBootstrap } from '../../model/bootstrap.ts'

/** What we have to show for a first certificate. */
export interface Proof {
  /** Absent: where the connection comes from is all there is. */
  readonly token?: () => Promise<string>
  /** For messages. */
  readonly what: string
  readonly remedy: string
}

/** @throws Error that says what to do when there is nothing to show. */
export function proofOf(bootstrap: ProxyBootstrap): Proof {
  const { join = 'token', joinTokenFile, stateDirectory, workload } = bootstrap
  if (join === 'container')
    return {
      what: 'this container',
      remedy:
        'the control plane must share a network with it, see it at the Docker Engine, and find the label weft.service there',
    }
  const remedy = `make one with \`weft token create ${workload.name}\` on the control plane`
  if (joinTokenFile === undefined)
    throw new Error(`no valid certificate in ${stateDirectory}, and no join token: ${remedy}`)
  return { token: () => readToken(joinTokenFile), what: joinTokenFile, remedy }
}

async function readToken(file: string): Promise<string> {
  const token = (await readFile(file, 'utf8')).trim()
  if (token === '') throw new Error(`the token file ${file} is empty`)
  return token
}
