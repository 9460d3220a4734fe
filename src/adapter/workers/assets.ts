import act from '../../dashboard/assets/act.js'
import app from '../../dashboard/assets/app.js'
import edit from '../../dashboard/assets/edit.js'
import icon from '../../dashboard/assets/icon.svg'
import late from '../../dashboard/assets/late.js'
import live from '../../dashboard/assets/live.js'
import style from '../../dashboard/assets/style.css'
import attempt from '../../dashboard/assets/try.js'
import type { Assets } from '../../dashboard/assets.ts'

/** The files that our pages load, bundled as text (`rules` in wrangler.toml). A test holds them against the folder. */
export const assets: Assets = {
  'act.js': act,
  'app.js': app,
  'edit.js': edit,
  'icon.svg': icon,
  'late.js': late,
  'live.js': live,
  'style.css': style,
  'try.js': attempt,
}
