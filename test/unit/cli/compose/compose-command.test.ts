import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import t, { type Test } from 'tap'
import { addCompose } from '../../../../src/cli/compose/commands.ts'

const text = 'services:\n  web:\n    image: web\n    ports: ["8080:80"]\n'

/** Runs `weft compose`, and says all that came of it. */
async function run(argv: readonly string[], input: string | Buffer = '') {
  const output: string[] = []
  const lines: string[] = []
  let exitCode: number | undefined
  const program = new Command().exitOverride()
  addCompose(program, code => void (exitCode = code), {
    input: (async function* () {
      yield Buffer.from(input as string)
    })(),
    output: async written => void output.push(written),
    report: line => void lines.push(line),
  })
  await program.parseAsync(['compose', ...argv], { from: 'user' })
  return { output: output.join(''), lines, exitCode }
}

async function folderWith(t: Test, content: string | Buffer = text) {
  const folder = t.testdir()
  const file = join(folder, 'compose.yaml')
  await writeFile(file, content)
  return { folder, file }
}

t.test('what is injected is printed, and what is needed beside it is told', async t => {
  const { folder, file } = await folderWith(t)
  const { output, lines, exitCode } = await run(['inject', file])
  t.equal(exitCode, 0)
  t.match(output, /\n {2}web-app:\n/)
  t.match(lines, [/^web injected: port 80; DNS mode/, /nameserver 127.0.0.1.*> weft.resolv.conf/])
  t.equal(await readFile(file, 'utf8'), text)
  t.strictSame(await readdir(folder), ['compose.yaml'])
})

t.test('--write changes the file, through links and with its mode, and back', async t => {
  const { folder, file } = await folderWith(t)
  await chmod(file, 0o640)
  const link = join(folder, 'link.yaml')
  await symlink(file, link)
  t.equal((await run(['inject', '--write', link])).output, '')
  t.match(await readFile(file, 'utf8'), /weft:begin/)
  t.equal((await stat(file)).mode & 0o777, 0o640)
  t.match(await readFile(join(folder, 'weft.resolv.conf'), 'utf8'), /^nameserver 127\.0\.0\.1\n/)
  await run(['uninject', '--write', link])
  t.equal(await readFile(file, 'utf8'), text)
  t.strictSame((await readdir(folder)).sort(), ['compose.yaml', 'link.yaml'])
})

t.test("a resolv.conf that is somebody's is left alone", async t => {
  const { folder, file } = await folderWith(t)
  const other = join(folder, 'weft.resolv.conf')
  await writeFile(other, 'nameserver 127.0.0.1\n')
  t.match((await run(['inject', '--write', file])).lines.at(-1), /left as it is/)
  await run(['uninject', '--write', file])
  t.equal(await readFile(other, 'utf8'), 'nameserver 127.0.0.1\n')
})

t.test('a pipe there and back gives what went in', async t => {
  const { output } = await run(['inject', '-', '--mode', 'transparent', '--image', 'i:1'], text)
  t.match(output, /image: 'i:1'/)
  t.match(output, /web-init/)
  t.equal((await run(['uninject', '-'], output)).output, text)
})

t.test('options choose services and the socket', async t => {
  const argv = ['inject', '-', '--control-plane-socket', '/run/d.sock', '--service', 'web']
  t.match((await run(argv, text)).output, "'/run/d.sock:/var/run/docker.sock:ro'")
})

t.test('nothing to do is told, and changes nothing', async t => {
  const { output, lines } = await run(['uninject', '-'], text)
  t.equal(output, text)
  t.match(lines, [/nothing of weft compose inject/])
  const alone = await run(['inject', '-'], 'services:\n  a: { image: a }\n')
  t.match(alone.lines, [/^a skipped/, /no service was injected/])
})

t.test('faults say where they are, and print nothing', async t => {
  const { file } = await folderWith(t, 'services:\n  a: [\n')
  await t.rejects(run(['inject', file]), { message: /compose\.yaml:\d+:\d+ / })
  await t.rejects(run(['inject', '-', '--write'], text), { message: /needs a file/ })
  const latin = await folderWith(t, Buffer.from([0x61, 0xe4, 0x0a]))
  await t.rejects(run(['inject', latin.file]), { message: /UTF-8/ })
  const large = await folderWith(t, Buffer.alloc(8 * 1024 * 1024 + 1, 0x20))
  await t.rejects(run(['inject', large.file]), { message: /larger than/ })
})
