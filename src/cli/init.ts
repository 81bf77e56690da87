import { existsSync } from 'node:fs'
import { parseCapture, type CaptureFlags } from './init/capture.ts'
import { restoreTable, saveTable } from './init/iptables.ts'
import { captureScript, undoScript, type Family } from './init/nat-rules.ts'

export interface InitFlags extends CaptureFlags {
  readonly dryRun?: boolean
  readonly undo?: boolean
}

/** `weft init`: the rules of transparent mode, in the network namespace that it runs in. */
export async function init(flags: InitFlags): Promise<number> {
  const script = flags.undo === true ? undoScript : captureBy(flags)
  for (const family of families()) {
    const wanted = script(await saveTable(family), family)
    if (flags.dryRun === true) console.log(`# IPv${family}\n${wanted ?? '# nothing to do'}`)
    else if (wanted !== undefined) await restoreTable(family, wanted)
  }
  return 0
}

function captureBy(flags: CaptureFlags): (present: string, family: Family) => string {
  const capture = parseCapture(flags)
  return (present, family) => captureScript(capture, family, present)
}

/** A kernel without IPv6 has nothing there to capture. */
function families(): readonly Family[] {
  return existsSync('/proc/net/if_inet6') ? [4, 6] : [4]
}
