import { Command, CommanderError } from 'commander'
import { commands } from './commands.ts'
import { version } from './version.ts'

const program = new Command('postern')
  .description('One address for your own models: private by tailnet identity, public by password.')
  .version(version)
  // What stands after the agent of `postern run` is the agent's.
  .enablePositionalOptions()
  .showHelpAfterError('(postern --help shows what there is)')
  .exitOverride()

for (const command of commands()) program.addCommand(command)

try {
  for (const command of everyCommand(program)) command.exitOverride()
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has said what is wrong; wrong usage is 2, help and version are 0.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    process.stderr.write(`postern: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}
