import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Case, CaseContext } from '../case.ts'
import { Project } from '../engine/compose.ts'
import { ask } from '../engine/gateway.ts'
import { weftImage } from '../engine/images.ts'
import { metricOf } from '../engine/metrics.ts'
import { until } from '../engine/waiting.ts'

const main = resolve('src/main.ts')
const port = 8080
const samples = 50

/** A file that knows nothing of Weft (examples/compose) gets sidecars, runs, and is given back. */
export const injected: Case = {
  name: 'injected',
  async run(context) {
    for (const mode of ['dns', 'transparent']) {
      const folder = join(context.folder, mode)
      cpSync('examples/compose', folder, { recursive: true })
      await meshed({ ...context, folder }, mode)
    }
  },
}

async function meshed(context: CaseContext, mode: string): Promise<void> {
  const { engine, report, folder } = context
  const file = join(folder, 'docker-compose.yml')
  const before = readFileSync(file)
  const weft = (...command: string[]): string =>
    execFileSync(process.execPath, [main, 'compose', ...command, '--write'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    })
  weft('inject', '--image', weftImage, '--mode', mode)
  {
    await using project = new Project(engine, `hello-${mode}`, file)
    const begun = performance.now()
    await project.up()
    report.figure(`injected, ${mode}: \`up\` took`, (performance.now() - begun) / 1000, 's')
    await traffic(context, project, mode)
  }
  weft('uninject')
  report.check(`${mode}: the file is given back byte for byte`, readFileSync(file).equals(before))
  report.check(`${mode}: nothing is left beside it`, !existsSync(join(folder, 'weft.resolv.conf')))
}

async function traffic({ report }: CaseContext, project: Project, mode: string): Promise<void> {
  await until('the example answers', async () => (await ask(port, '/weft')).status === 200)
  const count = async (service: string, direction: string): Promise<number> => {
    const labels = { direction, code_class: '2xx' }
    return metricOf(await project.addressOf(service), 'weft_requests_total', labels)
  }
  const counts = (): Promise<number[]> =>
    Promise.all([count('web', 'outbound'), count('greetings', 'inbound')])
  const before = await counts()
  const bodies: string[] = []
  for (let sent = 0; sent < samples; sent++) bodies.push((await ask(port, '/weft')).body)
  const after = await counts()
  const wrong = bodies.filter(body => body !== 'hello weft\n')
  report.check(`${mode}: the example answers as it did`, wrong.length === 0, wrong)
  const crossed = after.map((now, index) => now - (before[index] ?? 0))
  report.check(
    `${mode}: each request crosses two sidecars`,
    crossed.join() === [samples, samples].join(),
    crossed,
  )
}
