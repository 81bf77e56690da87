/** A file for {@link tarArchive}. */
export interface ArchivedFile {
  /** Relative to where it is unpacked; at most 100 bytes. */
  readonly path: string
  readonly content: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

const blockBytes = 512
const fileType = '0'

/** A ustar archive (POSIX.1-2017, pax, "ustar Interchange Format"), as the engine takes files for a container. */
export function tarArchive(files: readonly ArchivedFile[]): Buffer {
  const parts = files.flatMap(file => {
    const content = Buffer.from(file.content)
    const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)
    return [headerOf(file, content.length), content, padding]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)])
}

function headerOf({ path, mode, uid, gid }: ArchivedFile, size: number): Buffer {
  const header = Buffer.alloc(blockBytes)
  const octal = (value: number, at: number, digits: number): void =>
    void header.write(value.toString(8).padStart(digits, '0'), at, 'latin1')
  header.write(path, 0, 100, 'utf8')
  octal(mode, 100, 7)
  octal(uid, 108, 7)
  octal(gid, 116, 7)
  octal(size, 124, 11)
  octal(0, 136, 11)
  // Counted as if the sum itself were spaces.
  header.write(' '.repeat(8), 148, 'latin1')
  header.write(fileType, 156, 'latin1')
  header.write('ustar\u000000', 257, 'latin1')
  let sum = 0
  for (const byte of header) sum += byte
  octal(sum, 148, 6)
  header[154] = 0
  return header
}
