import { z } from 'zod'
import * as field from '../values/fields/fields.ts'

const headerName = (name: string, text: string) => field.headerName().prefault(name).describe(text)

export const webui = z
  .strictObject({
    url: field
      .siteUrl()
      .describe(
        'Where Open WebUI runs: scheme, host and port. Bind it to loopback: whoever reaches it past the gateway meets ' +
          'only its own login, or with `sso` none at all. May be `"env:NAME"`.',
      ),
    sso: z
      .enum(['off', 'trusted-header'])
      .prefault('off')
      .describe(
        '`"off"`: Open WebUI keeps its own login and is told nothing about the caller. `"trusted-header"`: whoever has ' +
          'proved here who they are, by tailnet identity or at our login page, is signed in there by the headers below.',
      ),
    public: z
      .boolean()
      .prefault(true)
      .describe('Whether callers from outside this machine and the tailnet see it at all.'),
    headers: z
      .strictObject({
        email: headerName('X-Postern-User-Email', 'For `WEBUI_AUTH_TRUSTED_EMAIL_HEADER`.'),
        name: headerName('X-Postern-User-Name', 'For `WEBUI_AUTH_TRUSTED_NAME_HEADER`.'),
        groups: headerName('X-Postern-User-Groups', 'For `WEBUI_AUTH_TRUSTED_GROUPS_HEADER`.'),
      })
      .prefault({})
      .describe(
        'Names of the headers that tell Open WebUI who is calling; it must be configured with the same.',
      ),
    speaks_for: z
      .strictObject({
        login: field.login().describe('Login of the credential that Open WebUI itself uses here.'),
        secret: field
          .headerSecret()
          .describe(
            'The same as its `FORWARD_USER_INFO_HEADER_JWT_SECRET`: 32 characters or more, as `"env:NAME"`.',
          ),
      })
      .optional()
      .describe(
        'Lets Open WebUI say for whom it asks (`X-OpenWebUI-User-Jwt`), so that limits, grants and the ledger name the ' +
          'person. They may do what both they and Open WebUI may.',
      ),
  })
  .optional()
  .describe(
    'Open WebUI, shown for every path that is not the gateway’s own. Absent: `/` leads to the dashboard.',
  )

/** Our own pages. */
export const ui = z
  .strictObject({
    name: z
      .string()
      // One line, so that it can stand in a menu and a title.
      .regex(/^[^\p{C}]{1,40}$/u, 'is not a name of 1 to 40 characters')
      .prefault('Postern')
      .describe('What the dashboard calls itself.'),
    logo: z
      .string()
      .max(131_072)
      .regex(
        /^data:image\/(?:png|jpeg|webp|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}$/,
        'is not a data:image/…;base64,… of PNG, JPEG, WebP or SVG',
      )
      .optional()
      .describe(
        'A square picture beside it: `"data:image/svg+xml;base64,…"`, or PNG, JPEG or WebP, 96 KiB at most. Absent: a door.',
      ),
  })
  .prefault({})
  .describe('How the dashboard presents itself.')
