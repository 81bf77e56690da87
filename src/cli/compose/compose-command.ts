import { existsSync } from 'node:fs'
import { readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeFileAtomically } from '../../base/atomic-file.ts'
import { maxFileBytes } from '../../model/parsing/document.ts'
import { formatProblem } from '../../model/problem.ts'
import { CommandError, usageErrorCode } from '../command-error.ts'
import { gather, processStreams, type TextStreams } from '../process/text-streams.ts'
import { resolverFile } from './application-service.ts'
import { ComposeError } from './file/compose-file.ts'
import { injectCompose, uninjectCompose } from './inject-compose.ts'
import type { InjectOptions } from './plan/inject-options.ts'
import { reportLines } from './report.ts'

export interface ComposeInput {
  /** `-`: standard input. Absent: what compose itself would take. */
  readonly file?: string
  /** Change the file, instead of printing it. */
  readonly write: boolean
}

/** In the order in which compose looks for them. */
const usualNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml']

/** Its application asks its sidecar about names. Docker's own options for its resolver. */
const resolverText = 'nameserver 127.0.0.1\noptions ndots:0\n'

/** `weft compose inject` */
export async function inject(
  input: ComposeInput,
  options: InjectOptions,
  streams: TextStreams = processStreams,
): Promise<number> {
  const source = await readSource(input, streams)
  const { text, plan } = mended(() => injectCompose(source.name, source.text, options))
  for (const line of reportLines(plan)) streams.report(line)
  if (plan.injected.size === 0) streams.report('no service was injected')
  await deliver(source, text, { input, streams })
  if ([...plan.injected.values()].some(({ mode }) => mode === 'dns'))
    await bringResolver(source, { input, streams })
  return 0
}

/** `weft compose uninject` */
export async function uninject(
  input: ComposeInput,
  streams: TextStreams = processStreams,
): Promise<number> {
  const source = await readSource(input, streams)
  const { text, count } = mended(() => uninjectCompose(source.name, source.text))
  if (count === 0) streams.report(`${source.name}: nothing of weft compose inject is in it`)
  await deliver(source, text, { input, streams })
  if (count > 0 && input.write) await removeResolver(source, text)
  return 0
}

interface Source {
  readonly name: string
  readonly text: string
  /** Undefined: it came by standard input. */
  readonly path: string | undefined
}

interface Surroundings {
  readonly input: ComposeInput
  readonly streams: TextStreams
}

async function readSource({ file, write }: ComposeInput, streams: TextStreams): Promise<Source> {
  if (file === '-') {
    if (write) throw new CommandError('--write needs a file, and not -', usageErrorCode)
    return {
      name: 'standard input',
      text: decode('standard input', await gather(streams.input, maxFileBytes)),
      path: undefined,
    }
  }
  const name = file ?? usualNames.find(usual => existsSync(usual))
  if (name === undefined)
    throw new CommandError(
      `name a compose file: there is no ${usualNames.join(', ')} here`,
      usageErrorCode,
    )
  return { name, text: decode(name, await readFile(name)), path: await realpath(name) }
}

/** Other encodings could not be written back as they were. */
function decode(name: string, bytes: Buffer): string {
  if (bytes.length > maxFileBytes)
    throw new CommandError(`${name} is larger than ${maxFileBytes} bytes: is it a compose file?`)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new CommandError(`${name} is no text in UTF-8: save it as such`)
  }
}

function mended<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof ComposeError)) throw error
    throw new CommandError(error.problems.map(formatProblem).join('\n'))
  }
}

async function deliver(source: Source, text: string, { input, streams }: Surroundings) {
  if (!input.write) return streams.output(text)
  if (source.path === undefined || text === source.text) return
  const { mode } = await stat(source.path)
  await writeFileAtomically(source.path, text, mode & 0o777)
}

/** What applications in DNS mode have mounted stands beside the compose file. */
async function bringResolver({ path }: Source, { input, streams }: Surroundings): Promise<void> {
  if (!input.write || path === undefined) {
    const command = `printf '${resolverText.replaceAll('\n', '\\n')}' > ${resolverFile}`
    streams.report(`needed beside the file, for DNS mode (--write makes it): ${command}`)
    return
  }
  const target = join(dirname(path), resolverFile)
  if (!existsSync(target)) await writeFile(target, resolverText, { mode: 0o644 })
  else if ((await readFile(target, 'utf8')) !== resolverText)
    streams.report(`${target} was there, and is left as it is; it must name 127.0.0.1`)
}

async function removeResolver({ path }: Source, text: string): Promise<void> {
  if (path === undefined || text.includes(resolverFile)) return
  const target = join(dirname(path), resolverFile)
  if (existsSync(target) && (await readFile(target, 'utf8')) === resolverText) await rm(target)
}
