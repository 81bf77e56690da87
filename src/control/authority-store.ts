import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../base/atomic-file.ts'

/** Where the CA's key and root lie: a text of PEM blocks, the private key first. */
export interface AuthorityStore {
  /** For messages: a file, or what else it is. */
  readonly place: string
  /** Undefined when none was stored yet. */
  read(): Promise<string | undefined>
  /** Stores the first one. @returns what counts from now on: another replica may have been quicker. */
  create(authority: string): Promise<string>
  /** Lays what all may know, PEM, where others look for it. Absent: they hear of it otherwise. */
  publish?(bundle: string): Promise<void>
}

/** `ca.pem`, for its owner alone, and beside it `trust-bundle.pem`. */
export class AuthorityFile implements AuthorityStore {
  readonly place: string
  readonly #directory: string

  /** @param stateDirectory made with mode 0700 where there is none. */
  constructor(stateDirectory: string) {
    this.#directory = stateDirectory
    this.place = join(stateDirectory, 'ca.pem')
  }

  async read(): Promise<string | undefined> {
    try {
      return await readFile(this.place, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async create(authority: string): Promise<string> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await writeFileAtomically(this.place, authority)
    return authority
  }

  async publish(bundle: string): Promise<void> {
    await writeFileAtomically(join(this.#directory, 'trust-bundle.pem'), bundle)
  }
}
