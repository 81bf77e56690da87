import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import type {
  InjectedManifest,
  WorkloadReport,
} from '../../control/kubernetes/injection/manifest/inject-manifest.ts'
import type { InjectionSettings } from '../../control/kubernetes/injection/injection-settings.ts'
import { CommandError, usageErrorCode } from '../command-error.ts'
import type { Finish } from '../common-options.ts'
import { gather, processStreams, type TextStreams } from '../process/text-streams.ts'
import { version } from '../version.ts'

interface InjectFlags {
  /** Files, folders, and `-` for standard input. */
  readonly filename: readonly string[]
  readonly namespace: string
  readonly mode?: string
  readonly image?: string
  readonly controlPlane?: string
  readonly trustDomain?: string
  readonly clusterDns?: readonly string[]
  readonly uninject?: boolean
}

export function addInject(program: Command, finish: Finish, streams = processStreams): void {
  program
    .command('inject')
    .description(
      'put sidecars into Kubernetes manifests: weft inject -f app.yaml | kubectl apply -f -',
    )
    .requiredOption('-f, --filename <path...>', 'file, folder, or - for standard input')
    .option('-n, --namespace <name>', 'of workloads that do not say theirs', 'default')
    .addOption(
      new Option('--mode <mode>', 'how traffic gets to the sidecar (default: dns)').choices([
        'dns',
        'transparent',
      ]),
    )
    .option('--image <name>', `of the sidecar (default: weft:${version})`)
    .option('--control-plane <address>', 'host:port (default: weft-control.weft-system.svc:15012)')
    .option('--trust-domain <name>', "of the mesh's identities (default: weft.local)")
    .option(
      '--cluster-dns <ips...>',
      "the cluster's resolvers: kube-dns' ClusterIP (default: 10.96.0.10)",
    )
    .option('--uninject', 'take the sidecars out again')
    .action(async (flags: InjectFlags) => {
      finish(await inject(flags, streams))
    })
}

/**
 * `weft inject`: manifests to standard output, what became of each workload to standard error.
 * @throws CommandError with every problem, and then nothing is printed: half a manifest must not get to `kubectl apply`.
 */
async function inject(flags: InjectFlags, streams: TextStreams): Promise<number> {
  const { injectManifest, uninjectManifest } =
    await import('../../control/kubernetes/injection/manifest/inject-manifest.ts')
  const context = { settings: await readSettings(flags), namespace: flags.namespace, version }
  const manifests: InjectedManifest[] = []
  for (const { name, text } of await readManifests(flags.filename, streams.input))
    manifests.push(
      flags.uninject === true ? uninjectManifest(name, text) : injectManifest(name, text, context),
    )
  const { formatProblem } = await import('../../model/problem.ts')
  const reports = manifests.flatMap(manifest => manifest.reports)
  for (const line of reports.flatMap(linesOf)) streams.report(line)
  const problems = manifests.flatMap(manifest => manifest.problems)
  if (problems.length > 0) throw new CommandError(problems.map(formatProblem).join('\n'))
  if (reports.length === 0) streams.report('no workload found: nothing was changed')
  await streams.output(joinManifests(manifests.map(manifest => manifest.text)))
  return 0
}

const optionOf: Readonly<Record<string, string>> = {
  image: '--image',
  mode: '--mode',
  controlPlane: '--control-plane',
  trustDomain: '--trust-domain',
  clusterDns: '--cluster-dns',
}

async function readSettings(flags: InjectFlags): Promise<InjectionSettings> {
  const { injectionSettings } =
    await import('../../control/kubernetes/injection/injection-settings.ts')
  const { image, mode, controlPlane, trustDomain, clusterDns } = flags
  const { data, error } = injectionSettings.safeParse({
    image,
    mode,
    controlPlane,
    trustDomain,
    clusterDns,
  })
  if (data !== undefined) return data
  const lines = error.issues.map(
    ({ path, message }) => `${optionOf[String(path[0])] ?? path.join('.')}: ${message}`,
  )
  throw new CommandError(lines.join('\n'), usageErrorCode)
}

interface NamedText {
  readonly name: string
  readonly text: string
}

async function readManifests(
  paths: readonly string[],
  input: TextStreams['input'],
): Promise<NamedText[]> {
  const found: NamedText[] = []
  for (const path of paths)
    if (path === '-') found.push({ name: 'stdin', text: await readInput(input) })
    else
      for (const name of await filesOf(path))
        found.push({ name, text: await readFile(name, 'utf8') })
  return found
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const names = (await readdir(path)).filter(name => /\.(?:ya?ml|json)$/.test(name))
  if (names.length === 0) throw new CommandError(`${path} has no .yaml, .yml or .json file`)
  return names.sort().map(name => join(path, name))
}

async function readInput(input: TextStreams['input']): Promise<string> {
  const { maxFileBytes } = await import('../../model/parsing/document.ts')
  return (await gather(input, maxFileBytes)).toString('utf8')
}

function joinManifests(texts: readonly string[]): string {
  return texts.reduce((before, text) => {
    if (before === '') return text
    const ended = before.endsWith('\n') ? before : `${before}\n`
    return ended + (text.startsWith('---') ? text : `---\n${text}`)
  }, '')
}

const outcomes: Readonly<Record<WorkloadReport['outcome'], string>> = {
  injected: 'injected',
  uninjected: 'uninjected',
  unchanged: 'unchanged',
  refused: 'refused',
  disabled: 'skipped: weft.dev/inject says no',
  'host-network': 'skipped: hostNetwork',
  'system-namespace': 'skipped: its namespace belongs to the system',
  windows: 'skipped: Windows',
  'already-injected': 'skipped: it has a sidecar',
}

function linesOf({ workload, outcome, notes }: WorkloadReport): string[] {
  return [`${workload} ${outcomes[outcome]}`, ...notes.map(note => `${workload} note: ${note}`)]
}
