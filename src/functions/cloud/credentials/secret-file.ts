import { open } from 'node:fs/promises'
import type { Now } from '../../../base/clock.ts'
import { BackendError } from '../backend.ts'
import { Refreshing } from './refreshing.ts'
import { SecretText } from './secret-text.ts'

const maxSecretBytes = 64 * 1024
/** A file that was replaced is noticed after 5 minutes less than this. */
const keptMs = 360_000

/** @throws BackendError that names the file, and nothing of its content. */
export async function readSecret(path: string): Promise<Buffer> {
  try {
    return await readBounded(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code ?? (error as Error).message
    throw new BackendError('credentials', `${path}: cannot be read: ${why}`, { unsent: true })
  }
}

async function readBounded(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(maxSecretBytes + 1)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
    if (bytesRead === 0) throw new Error('it is empty')
    if (bytesRead > maxSecretBytes) throw new Error(`it is over ${maxSecretBytes} bytes`)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** A file with one line that goes into a header. Read again from time to time, so that a new one is found. */
export class SecretFile {
  readonly #secret: Refreshing<SecretText>
  #last: SecretText | undefined

  constructor(path: string, wallNow: Now) {
    this.#secret = new Refreshing({
      wallNow,
      load: async () => new SecretText(await readLine(path), wallNow() + keptMs),
    })
  }

  /** @throws BackendError */
  async read(signal: AbortSignal): Promise<string> {
    this.#last = await this.#secret.get(signal)
    return this.#last.text
  }

  /** It was refused: the next call reads the file again. */
  forget(): void {
    if (this.#last !== undefined) this.#secret.invalidate(this.#last)
  }
}

async function readLine(path: string): Promise<string> {
  const content = await readSecret(path)
  const line = content.toString('utf8').trim()
  if (/^[\u0021-\u007e]+$/.test(line)) return line
  throw new BackendError('credentials', `${path}: must hold one line of printable characters`, {
    unsent: true,
  })
}
