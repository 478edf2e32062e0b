// A page whose only form leads on to another system sends it by itself.
document.querySelector("form[data-go-on]")?.submit();
