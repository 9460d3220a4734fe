import act from '../../admin/dashboard/assets/act.js'
import app from '../../admin/dashboard/assets/app.js'
import edit from '../../admin/dashboard/assets/edit.js'
import icon from '../../admin/dashboard/assets/icon.svg'
import late from '../../admin/dashboard/assets/late.js'
import live from '../../admin/dashboard/assets/live.js'
import style from '../../admin/dashboard/assets/style.css'
import attempt from '../../admin/dashboard/assets/try.js'
import type { Assets } from '../../admin/dashboard/assets.ts'

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
