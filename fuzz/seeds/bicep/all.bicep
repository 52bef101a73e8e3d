using './main.bicep'
@description('which')
param env string = 'prod'
@secure()
param secret string?
type shape = {
  a: 'x' | 'y'
}
func twice(word string) string => '${word}${word}'
var list = [for (n, i) in range(0, 3): n > 1 ? n : i]
module inner 'a.bicep' = [for x in list: if (x != 0) { name: 'm${x}', params: { env: env } }]
resource sql 'Microsoft.Sql/servers@2021-11-01' = if (env =~ 'PROD') {
  name: twice('a')
  resource db 'databases' = { name: '''long''' }
  properties: { up: sql::db.id, other: inner[0].outputs.id ?? null, m: map(list, n => n + 1), s: secret!.b.?c }
}
output id string = sql.id
