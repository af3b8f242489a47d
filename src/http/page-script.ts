/** The one script of the pages: shows the password that is typed. Without scripts its checkbox is not there. */
export const showPasswordScript = `
const field = document.getElementById('new_password')
const box = document.getElementById('show')
const update = () => { field.type = box.checked ? 'text' : 'password' }
box.closest('p').hidden = false
box.addEventListener('change', update)
field.form.addEventListener('submit', () => { field.type = 'password' })
update()
`
