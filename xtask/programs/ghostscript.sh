# Pages with paths, shadings, patterns and text: drawn, turned into PDF, and drawn from there.
set -euo pipefail
cat > page.ps <<'PS'
%!PS
/page {
    gsave
    dup srand
    300 { rand 600 mod rand 800 mod rand 100 mod rand 100 mod newpath 4 2 roll moveto rlineto
          rand 100 mod 100 div rand 100 mod 100 div rand 100 mod 100 div setrgbcolor
          rand 9 mod setlinewidth stroke } repeat
    /Times-Roman findfont 12 scalefont setfont 0 setgray
    0 20 780 { 40 exch moveto (the quick brown fox ) show dup 20 string cvs show } for
    << /ShadingType 3 /ColorSpace /DeviceRGB /Coords [300 400 0 300 400 200]
       /Function << /FunctionType 2 /Domain [0 1] /C0 [1 0 0] /C1 [0 0 1] /N 1 >> >> shfill
    grestore pop showpage
} def
1 1 30 { page } for
PS
gs() { command gs -q -dSAFER -dNOPAUSE -dBATCH "$@"; }
gs -sDEVICE=ppmraw -r72 -sOutputFile=- page.ps | sha256sum
gs -sDEVICE=pdfwrite -sOutputFile=page.pdf page.ps
gs -sDEVICE=ppmraw -r72 -sOutputFile=- page.pdf | sha256sum
gs -sDEVICE=txtwrite -sOutputFile=- page.pdf | sha256sum
