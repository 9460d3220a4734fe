import type { Context } from 'hono'
import { html } from 'hono/html'
import type { Failure } from '../../../platform/failure.ts'
import type { Env } from '../../http/env.ts'
import { type Html, mark, type Page } from '../../http/page.ts'
import { isPerson } from './require-person.ts'
import { loginPath, loginTo, logoutPath } from './return-path.ts'

export interface LoginForm {
  /** What the gateway calls itself. */
  readonly name: string
  /** Where it is asked. */
  readonly host: string
  /** What was typed before. */
  readonly user: string
  readonly to: string
  /** There is a place for the code of an authenticator. */
  readonly anyUserHasTotp: boolean
  /** What went wrong. */
  readonly wrong?: string
}

export const loginPage = ({ name, host, user, to, anyUserHasTotp, wrong }: LoginForm): Page => ({
  title: wrong === undefined ? `Sign in to ${name}` : `Could not sign in to ${name}`,
  card: true,
  content: html`<main>
${mark()}<h1>Sign in to ${name}</h1>
<p class="quiet">${host}</p>
${wrong === undefined ? '' : html`<p class="wrong" role="alert" id="wrong">${wrong}</p>`}
<form method="post" action="${loginPath}">
<input type="hidden" name="to" value="${to}">
<label for="user">User name</label>
${userField(user, wrong !== undefined)}
<label for="password">Password</label>
${passwordField(user, wrong !== undefined)}
${anyUserHasTotp ? codeField() : ''}<button>Sign in</button>
</form>
</main>`,
})

const userField = (user: string, failed: boolean): Html =>
  html`<input id="user" name="user" value="${user}" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false" required maxlength="256"${
    user === '' ? html` autofocus` : ''
  }${failed ? html` aria-describedby="wrong"` : ''}>`

const passwordField = (user: string, failed: boolean): Html =>
  html`<input id="password" name="password" type="password" autocomplete="current-password" required${
    user === '' ? '' : html` autofocus`
  }${failed ? html` aria-describedby="wrong"` : ''}>`

/** What phones fill in by themselves; spaces are how some apps show it. */
const codeField = (): Html =>
  html`<label for="code">Code <span class="quiet">(if you have an authenticator)</span></label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 ]*" maxlength="8" spellcheck="false">
`

export const logoutPage = (name: string): Page => ({
  title: `Sign out of ${name}`,
  card: true,
  content: html`<main>
${mark()}<h1>Sign out of ${name}?</h1>
<p class="quiet">This browser will have to sign in again, to the chat as well.</p>
${signOut()}
<p><a href="/">Stay signed in</a></p>
</main>`,
})

interface Refusal {
  readonly title: string
  readonly message: string
  /** `signIn`: with a user and password; `signOut`: as somebody else. */
  readonly offer?: 'signIn' | 'signOut'
}

/** A refusal in words, and what can be done about it. */
export const explain = (c: Context<Env>, failure: Failure): Page => {
  const { title, message, offer } = refusal(c, failure)
  return {
    title,
    card: true,
    content: html`<main>
${mark()}<h1>${title}</h1>
<p>${message}</p>
${offer === 'signIn' ? html`<p><a href="${loginTo('/')}">Sign in with a password</a></p>` : ''}
${offer === 'signOut' ? signOut() : ''}
</main>`,
  }
}

const refusal = (c: Context<Env>, { code, message, headers }: Failure): Refusal => {
  const caller = c.var.auth?.caller
  if (code === 'no_role' && caller !== undefined && !isPerson(caller)) {
    return { title: 'For people only', message, offer: 'signIn' }
  }
  if (code === 'no_role' && caller !== undefined) {
    return {
      title: 'No access yet',
      message: `You are signed in as ${caller.login}, and nothing has been granted to that login. Ask whoever runs this gateway.`,
      ...(caller.kind === 'password' && { offer: 'signOut' }),
    }
  }
  if (code === 'not_found') return { title: 'Nothing here', message }
  return { title: 'That did not work', message: withWait(message, headers['retry-after']) }
}

/** `Try again later` says when. */
const withWait = (message: string, seconds: string | undefined): string => {
  if (seconds === undefined) return message
  const minutes = Math.ceil(Number(seconds) / 60)
  return `${message} (${minutes === 1 ? 'A minute' : `${minutes} minutes`} from now.)`
}

function signOut(): Html {
  return html`<form method="post" action="${logoutPath}"><button>Sign out</button></form>`
}
