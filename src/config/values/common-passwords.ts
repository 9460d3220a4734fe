/**
 * What is tried first, in small letters: the heads of published lists of leaked passwords, words of this trade, and names of
 * days and months. Not long: most of what is common is short, and too short already.
 */
export const common: ReadonlySet<string> = new Set(
  `
password passwort kennwort passwd pass passphrase motdepasse contrasena senha parola wachtwoord geheim secret
admin administrator root user users guest login logon welcome willkommen master changeme default letmein access
test testing tester demo example sample temp temporary server system computer internet network wireless router
owner postern gateway ollama lmstudio openwebui webui tailscale funnel caddy docker linux ubuntu debian windows
raspberry raspberrypi apple google samsung microsoft amazon facebook openai claude anthropic gemini chatgpt llama
iloveyou loveyou love lovely honey sweetheart schatz princess prince angel angels flower sunshine rainbow butterfly
monkey dragon tiger lion eagle wolf bear panda kitty kitten puppy horse dolphin shadow ninja samurai warrior
football soccer baseball basketball hockey tennis golf liverpool arsenal chelsea barcelona juventus bayern
superman batman spiderman starwars pokemon naruto matrix gandalf hobbit merlin wizard avatar marvel ironman
michael jennifer jordan hunter ranger harley thomas robert george charlie andrew joshua matthew daniel ashley
jessica michelle nicole amanda melissa samantha elizabeth anthony william richard joseph charles david james john
maria anna julia laura sarah sophie emma lisa peter martin stefan andreas alexander maximilian alexandra christian
summer winter spring autumn sommer herbst january february march april june july august september october november
december monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag
hello hallo bonjour hola ciao world friend friends family mother father mommy daddy brother sister baby
cheese coffee chocolate cookie pepper ginger banana orange apple cherry strawberry peanut pizza
freedom whatever nothing something anything everything forever together trustno killer hacker
abc abcd aaa xxx asdf qwer qwert qwerty qwertz azerty zxcv yxcv zaq xsw qaz wsx edc
london paris berlin madrid roma newyork america germany france spain italy england canada
money business company office school student teacher doctor police music guitar metallica nirvana
porsche ferrari mercedes bmw audi toyota honda yamaha suzuki corvette mustang
`
    .trim()
    .split(/\s+/),
)

/** Keys in a row, and columns of them, as on the keyboards of several countries. */
export const rows: readonly string[] = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiop',
  'qwertzuiopü',
  'azertyuiop',
  'asdfghjkl',
  'qsdfghjklm',
  'zxcvbnm',
  'yxcvbnm',
  'wxcvbn',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  '1q2w3e4r5t6y7u8i9o0p',
  'q1w2e3r4t5y6u7i8o9p0',
  'zaq12wsxcde34rfv',
]
