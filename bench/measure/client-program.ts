import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { commandOf, type Program } from '../setting/installed.ts'

/**
 * Runs a load generator for `seconds` and returns what it printed. It ends with this process.
 * @throws when it fails, or has not ended 15 s after its time.
 */
export async function runClient(
  program: Program,
  args: readonly string[],
  seconds: number,
): Promise<string> {
  const client = spawn(commandOf(program), args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: (seconds + 15) * 1000,
  })
  const kill = () => client.kill()
  process.once('exit', kill)
  const [output, [code]] = await Promise.all([text(client.stdout), once(client, 'close')])
  process.off('exit', kill)
  if (code !== 0) throw new Error(`${program} ended with ${code}\n${output}`)
  return output
}
